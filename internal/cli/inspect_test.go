package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sightline/internal/config"
	"sightline/internal/golden"
)

func TestInspect(t *testing.T) {
	folder := t.TempDir()
	if _, _, err := golden.ReadFamily("yolov8-pose", folder); err != nil {
		t.Fatal(err)
	}
	model, card := filepath.Join(folder, "yolov8-pose.onnx.gz"), filepath.Join(folder, "mine.yaml")
	run := func(want int, args ...string) (string, string) {
		var out, errOut strings.Builder
		if code := Main(append([]string{"inspect"}, args...), &out, &errOut); code != want {
			t.Errorf("%q: exit code %d, want %d: %s", args, code, want, errOut.String())
		}
		return out.String(), errOut.String()
	}
	out, _ := run(exitOK, model)
	for _, want := range []string{
		"file         " + model + ", gzipped\n", "inputs       images float32 [batch,3,64,96]\n", "outputs      output0 float32 [batch,56,126]\n",
		"made by      pytorch 2.6.0, opset 17, IR 8\n", "Conv 4", "family       yolov8-pose, task detection (sure), 1 classes: person\n",
		"kpt_shape: [17, 3]\n", "because      ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	out, _ = run(exitOK, model, "--json", "--card", card)
	var got struct {
		Outputs []struct{ Name string }
		Guess   struct{ Task, Family string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Guess.Family != "yolov8-pose" || got.Outputs[0].Name != "output0" {
		t.Errorf("%v: %+v", err, got)
	}
	c, err := config.LoadCard(card)
	if err != nil || c.Family != "yolov8-pose" || c.Model != model {
		t.Errorf("%v: family %s, model %s", err, c.Family, c.Model)
	}
	if err := os.WriteFile(card, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, says := run(exitFailed, model, "--card", card); !strings.Contains(says, "--force overwrites it") {
		t.Error(says)
	}
	if text, _ := os.ReadFile(card); string(text) != "mine" {
		t.Errorf("the card was overwritten: %q", text)
	}
	run(exitOK, model, "--card", card, "--force")
	if _, err := config.LoadCard(card); err != nil {
		t.Error(err)
	}
	run(exitUsage)
	run(exitUsage, model, "--force")
	if _, says := run(exitFailed, "inspect_test.go"); !strings.Contains(says, "no sound ONNX file") {
		t.Error(says)
	}
}
