package live

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestReasons(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Reason
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, Refused},
		{&net.DNSError{Name: "gate"}, Unreachable},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, Unreachable},
		{&Failure{Unauthorized, io.EOF}, Unauthorized},
		{x509.UnknownAuthorityError{}, Certificate},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, TimedOut},
		{fmt.Errorf("%w for 10s", errSilent), Silent},
		{ErrClosed, Closed}, {io.EOF, Closed}, {syscall.ECONNRESET, Closed},
		{errors.New("anything"), Protocol},
	} {
		if got := reasonOf(fmt.Errorf("describe: %w", c.err)); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}
