package mpegts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sightline/internal/camera/live"
	"sightline/internal/leaktest"
	"sightline/internal/media"
)

var quick = live.Options{MinPause: 10 * time.Millisecond, MaxPause: 20 * time.Millisecond, Silence: time.Second}

// stream is two seconds of video as it travels, and the units in it.
func stream(t *testing.T) (raw []byte, units []media.AccessUnit) {
	t.Helper()
	path := clip(t, "a.ts", "-c:v", "libx264", "-bf", "2", "-b:v", "2M")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, units = play(t, path, Options{}, 1000)
	return raw, units
}

// receive takes n units.
func receive(t *testing.T, s *live.Source, n int) (units []media.AccessUnit) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	for range n {
		u, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("after %d units: %v, %+v", len(units), err, s.Stats())
		}
		units = append(units, u)
	}
	return units
}

func same(t *testing.T, got, want []media.AccessUnit) {
	t.Helper()
	for i := range got {
		if !bytes.Equal(got[i].Data, want[i].Data) || got[i].Key != want[i].Key {
			t.Errorf("unit %d is not as it was sent", i)
		}
		if got[i].PTS != want[i].PTS {
			t.Errorf("unit %d at %v, want %v", i, got[i].PTS, want[i].PTS)
		}
	}
}

// freeUDP is an address of this machine that nobody listens at.
func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// datagram cuts a stream for sending, with an RTP header before each cut or without.
func datagram(raw []byte, i int, rtp bool) []byte {
	const packets = 7
	b := raw[i*packets*packet : min((i+1)*packets*packet, len(raw))]
	if rtp {
		header := []byte{0x90, 33, byte(i >> 8), byte(i), 0, 0, 0, 0, 1, 2, 3, 4, 0xbe, 0xde, 0, 1, 9, 9, 9, 9} // with an extension
		return append(header, b...)
	}
	return b
}

// send sends a stream once somebody listens, all but one datagram of it.
func send(ctx context.Context, to net.Conn, raw []byte, rtp bool, lose int) {
	for ready := 0; ready < 2 && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if _, err := to.Write([]byte{0}); err == nil { // the second write tells of the first one's fate
			ready++
		} else {
			ready = 0
		}
	}
	for i := 0; i*7*packet < len(raw) && ctx.Err() == nil; i++ {
		if i != lose {
			_, _ = to.Write(datagram(raw, i, rtp))
		}
		time.Sleep(500 * time.Microsecond)
	}
}

// checkLoss looks at what came through after a datagram was lost, and returns how many units were dropped.
func checkLoss(t *testing.T, s *live.Source, sent []media.AccessUnit) uint64 {
	t.Helper()
	stats := s.Stats()
	if stats.PacketsLost < 5 || stats.PacketsLost > 7 { // some of them are not the video's
		t.Errorf("%+v", stats)
	}
	known := map[string]bool{}
	for _, u := range sent {
		known[string(u.Data)] = true
	}
	broken, lost := 0, uint64(0)
	for _, u := range receive(t, s, int(stats.Units)) {
		if !known[string(u.Data)] {
			t.Errorf("a unit of %d bytes, key %t, was never sent", len(u.Data), u.Key)
		}
		if u.Discontinuity {
			broken++
		}
		lost += u.Lost
	}
	if lost != stats.PacketsLost {
		t.Errorf("the units tell of %d packets lost of %d", lost, stats.PacketsLost)
	}
	if broken != 2 { // the first one, and the one after the loss
		t.Errorf("%d discontinuities", broken)
	}
	return stats.Dropped[live.DroppedLoss]
}

// TestDatagrams: what is sent arrives, plain and in RTP; what is lost is counted, and no picture that lacks
// anything comes through.
func TestDatagrams(t *testing.T) {
	leaktest.Check(t)
	raw, sent := stream(t)
	count := (len(raw) + 7*packet - 1) / (7 * packet)
	dropped := uint64(0)
	for _, c := range []struct {
		name string
		rtp  bool
		lose int
	}{
		{"plain", false, -1}, {"rtp", true, -1},
		{"loss", false, count / 3}, {"loss later", false, count / 2}, {"loss still later", false, count * 2 / 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := freeUDP(t)
			to, err := net.Dial("udp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer to.Close()
			ctx, stop := context.WithCancel(context.Background())
			var sender sync.WaitGroup
			defer sender.Wait()
			defer stop()
			sender.Go(func() { send(ctx, to, raw, c.rtp, c.lose) })
			opening, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			s, err := Dial(opening, "udp://"+address, quick)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if c.lose < 0 {
				const held = 2 // the last ones end only when another begins
				same(t, receive(t, s, len(sent)-held), sent)
				if stats := s.Stats(); stats.PacketsLost != 0 || stats.Transport != "UDP" {
					t.Errorf("%+v", stats)
				}
				return
			}
			sender.Wait()
			time.Sleep(50 * time.Millisecond)
			dropped += checkLoss(t, s, sent)
		})
	}
	if dropped == 0 { // not one of the losses was followed by a picture that is no key picture
		t.Error("nothing was dropped")
	}
}

// TestServers: HTTP, HTTPS and plain TCP; every connection goes on where the last one ended.
// stopLog stops what is logged when it gives a reason: it would try for ever.
type stopLog struct {
	bytes.Buffer
	reason string
	stop   func()
}

func (l *stopLog) Write(p []byte) (int, error) {
	if text := strings.ReplaceAll(string(p), `"`, ""); l.reason != "" && strings.Contains(text, "reason="+l.reason) {
		l.stop()
	}
	return l.Buffer.Write(p)
}

func TestServers(t *testing.T) {
	leaktest.Check(t)
	raw, sent := stream(t)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/page":
			fmt.Fprint(w, strings.Repeat("<html>", 1000))
		case r.URL.Path != "/camera.ts":
			http.NotFound(w, r)
		case user != "watcher" || password != "p@ss":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = w.Write(raw)
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer plain.Close()
	defer secure.Close()
	tcp := serveTCP(t, raw)
	login := func(address string) string { return strings.Replace(address, "://", "://watcher:p%40ss@", 1) }
	insecure := quick
	insecure.Insecure = true
	for _, c := range []struct {
		name, address string
		options       live.Options
		refused       live.Reason
	}{
		{"http", login(plain.URL) + "/camera.ts", quick, ""},
		{"https", login(secure.URL) + "/camera.ts", insecure, ""},
		{"tcp", "tcp://" + tcp, quick, ""},
		{"certificate", login(secure.URL) + "/camera.ts", quick, live.Certificate},
		{"password", plain.URL + "/camera.ts", quick, live.Unauthorized},
		{"path", login(plain.URL) + "/gone", quick, live.NotFound},
		{"no stream", login(plain.URL) + "/page", quick, live.Protocol},
		{"nobody there", "tcp://" + freeUDP(t), quick, live.Refused},
		{"nothing sent", "udp://" + freeUDP(t), live.Options{Silence: 50 * time.Millisecond}, live.Silent},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
			defer stop()
			log := stopLog{reason: string(c.refused), stop: stop}
			c.options.Logger = slog.New(slog.NewTextHandler(&log, nil))
			s, err := Dial(ctx, c.address, c.options)
			if c.refused != "" {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%v, log:\n%s", err, log.String())
				}
			} else if err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			} else {
				got := receive(t, s, len(sent)+10)
				same(t, got[:len(sent)], sent)
				for i, u := range got[len(sent):] { // the next connection
					if !bytes.Equal(u.Data, sent[i].Data) || u.PTS <= sent[len(sent)-4].PTS || u.Discontinuity != (i == 0) {
						t.Errorf("unit %d of the next connection: %v, discontinuity %t", i, u.PTS, u.Discontinuity)
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if strings.Contains(log.String(), "p@ss") || strings.Contains(log.String(), "p%40ss") {
				t.Errorf("the password is in the log:\n%s", log.String())
			}
		})
	}
}

// serveTCP sends a stream to everybody who connects.
func serveTCP(t *testing.T, raw []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(raw)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"udp://", "udp://127.0.0.1", "tcp://camera", "http://", "http://a:b:c@%zz/", "udp"} {
		if s, err := Dial(context.Background(), address, quick); err == nil {
			t.Errorf("%s: opened", address)
			_ = s.Close()
		}
	}
}

func TestWithoutRTP(t *testing.T) {
	header := func(first byte, more ...byte) []byte {
		return append([]byte{first, 33, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, more...)
	}
	for _, c := range []struct {
		name      string
		got, want []byte
	}{
		{"plain", []byte{syncByte, 1}, []byte{syncByte, 1}},
		{"fixed", header(0x80, syncByte, 1), []byte{syncByte, 1}},
		{"source", header(0x81, 9, 9, 9, 9, syncByte, 1), []byte{syncByte, 1}},
		{"extension", header(0x90, 9, 9, 0, 1, 8, 8, 8, 8, syncByte, 1), []byte{syncByte, 1}},
		{"padding", header(0xa0, syncByte, 1, 0, 2), []byte{syncByte, 1}},
		{"nothing in it", header(0x80), nil},
		{"too much padding", header(0xa0, syncByte, 200), nil},
		{"half an extension", header(0x90, 9, 9), nil},
		{"a long extension", header(0x90, 9, 9, 255, 255, 1), nil},
	} {
		if got := withoutRTP(c.got); !bytes.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// FuzzPackets: whatever comes, whole packets come out, and all that stand in it one after the other.
func FuzzPackets(f *testing.F) {
	one := append([]byte{syncByte, 1, 0, 0x10}, make([]byte, packet-4)...)
	f.Add(append(append([]byte{1, 2, 3}, one...), one...), byte(0))
	f.Add([]byte{syncByte}, byte(3))
	f.Fuzz(func(t *testing.T, raw []byte, first byte) {
		missing := 0
		p := newPackets(bytes.NewReader(withoutRTP(append(raw, first))), func(n int) { missing += n })
		p.pid = 256
		out, err := io.ReadAll(p)
		if err != nil && !errors.Is(err, errNone) || len(out)%packet != 0 || missing < 0 {
			t.Errorf("%d bytes, %v", len(out), err)
		}
		for i := 0; i < len(out); i += packet {
			if out[i] != syncByte {
				t.Errorf("no packet at %d", i)
			}
		}
	})
}
