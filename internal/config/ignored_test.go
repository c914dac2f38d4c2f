package config

import (
	"os"
	"strings"
	"testing"
)

// What would change nothing is refused: somebody meant something by it.
func TestNothingIsIgnored(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"ignored by jsonl": {least + "sinks:\n- {type: jsonl, dir: o, class: person, detector: detection}\n",
			[]string{"sinks[0].class: a jsonl sink has no class", "sinks[0].detector: a jsonl sink has no detector"}},
		"ignored by mot":      {least + "sinks:\n- {type: mot, dir: o, reid: true}\n", []string{"sinks[0].reid: a mot sink has no reid"}},
		"standard output":     {least + "sinks:\n- {type: stdout}\n- {type: stdout}\n", []string{"sinks[1]: sinks[0] writes to standard output already"}},
		"no cameras of sinks": {least + "sinks:\n- {type: mot, dir: o, cameras: []}\n", []string{"sinks[0].cameras: is empty; leave it out for all"}},
		"no models of camera": {strings.Replace(least, "clip.mp4", "clip.mp4, models: []", 1), []string{"cameras[0].models: is empty; leave it out for all"}},
		"file from the network": {strings.Replace(least, "clip.mp4", "clip.mp4, transport: tcp, tls_insecure: true, after_loss: wait", 1),
			[]string{"cameras[0].transport: transport is for network cameras, clip.mp4 is a file", "cameras[0].tls_insecure: ", "cameras[0].after_loss: "}},
		"no regular file": {strings.Replace(least, "clip.mp4", os.DevNull, 1), []string{"cameras[0].source: " + os.DevNull + " is no regular file"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.text)
			wantFaults(t, err, c.want)
		})
	}
}

func TestByteOrderMarkIsNoKey(t *testing.T) {
	c, err := load(t, "\xef\xbb\xbf"+strings.ReplaceAll(least, "\n", "\r\n"))
	if err != nil || len(c.Cameras) != 1 {
		t.Errorf("%v, %+v", err, c)
	}
	_, err = load(t, "\xef\xbb\xbfdevize: host\n"+least)
	wantFaults(t, err, []string{"1:1: devize: unknown key"})
}
