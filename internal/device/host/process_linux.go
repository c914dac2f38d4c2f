package host

import (
	"os/exec"
	"syscall"
)

// isolate keeps Ctrl-C in a terminal from the process, because we drain it ourselves, and ends it when
// we die.
func isolate(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
