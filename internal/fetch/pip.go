package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sightline/internal/progress"
)

type reportFunc func(progress.State)

// pipWays are the ways to call pip, each with a cheap call that shows that it works. uv has no download of its own; it
// runs pip as a tool.
func pipWays() [][2][]string {
	return [][2][]string{
		{{"pip3"}, {"pip3", "--version"}},
		{{"python3", "-m", "pip"}, {"python3", "-m", "pip", "--version"}},
		{{"uv", "tool", "run", "pip"}, {"uv", "--version"}},
	}
}

// findPip returns the words that call pip.
func findPip(ctx context.Context) ([]string, bool) {
	for _, way := range pipWays() {
		if _, err := output(ctx, way[1]); err == nil {
			return way[0], true
		}
	}
	return nil, false
}

// pip returns the words that call pip, installing it where it is missing and we may.
func (f *fetcher) pip(ctx context.Context, report reportFunc) ([]string, error) {
	if words, ok := findPip(ctx); ok {
		return words, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	const looked = "looked for pip3, python3 -m pip and uv"
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, fmt.Errorf("%w (%s): install Python 3 with pip, or uv, and run this command again", ErrNoPip, looked)
	}
	const byHand = "apt-get update && apt-get install --yes python3-pip"
	if !f.root {
		return nil, fmt.Errorf("%w (%s): run `sudo sh -c '%s'` and then this command again", ErrNoPip, looked, byHand)
	}
	report(progress.State{Note: "installing pip"})
	f.log.Info("pip not found, installing it", "command", byHand)
	// A failed update is no reason to stop: the lists at hand may do.
	_, updated := output(ctx, []string{"apt-get", "update", "--quiet"})
	_, err := output(ctx, []string{"apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "python3-pip"})
	if err = errors.Join(updated, err); err != nil {
		f.log.Warn("apt-get failed", "error", err)
	}
	if words, ok := findPip(ctx); ok {
		return words, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, fmt.Errorf("%w, and apt-get could not install it: run `%s` by hand and then this command again: %w", ErrNoPip, byHand, err)
}

// download brings p's wheel into scratch and returns its path, trying again where the network failed.
func (f *fetcher) download(ctx context.Context, p pin, scratch string, report reportFunc) (string, error) {
	words, err := f.pip(ctx, report)
	if err != nil {
		return "", err
	}
	for try := 0; ; try++ {
		wheel, err := f.downloadOnce(ctx, words, p, filepath.Join(scratch, fmt.Sprint("try-", try)), report)
		if err == nil {
			return wheel, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		tried := fmt.Sprintf("tried %d time(s) with %s", try+1, strings.Join(words, " "))
		switch {
		case !networkTrouble(err.Error()):
			return "", fmt.Errorf("%w (%s): %w", ErrDownload, tried, err)
		case try == len(f.retryPauses):
			return "", fmt.Errorf("%w (%s), check the network and pip's index settings and run this command again: %w", ErrDownload, tried, err)
		}
		f.log.Warn("download failed, trying again", "package", p.pkg, "pause", f.retryPauses[try], "error", err)
		report(progress.State{Note: "the network failed, trying again"})
		if err := pause(ctx, f.retryPauses[try]); err != nil {
			return "", err
		}
	}
}

func (f *fetcher) downloadOnce(ctx context.Context, words []string, p pin, dir string, report reportFunc) (string, error) {
	to, scratch := filepath.Join(dir, "wheel"), filepath.Join(dir, "tmp")
	for _, d := range []string{to, scratch} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return "", err
		}
	}
	// The tags name one wheel for every Python that runs pip. pip's own cache would keep the same bytes a second time.
	args := append(append([]string{}, words...), "download", "--quiet", "--no-input", "--disable-pip-version-check",
		"--no-cache-dir", "--progress-bar", "off", "--no-deps", "--only-binary=:all:", "--python-version", "311",
		"--implementation", "cp", "--abi", "cp311", "--abi", "none", "--platform", p.platform, "--dest", to, p.pkg+"=="+p.version)
	stop := watch(dir, p.wheelSize, report)
	_, err := output(ctx, args, "TMPDIR="+scratch, "PIP_REQUIRE_VIRTUALENV=0")
	stop()
	if err != nil {
		return "", err
	}
	wheels, err := filepath.Glob(filepath.Join(to, "*.whl"))
	if err != nil {
		return "", err
	}
	if len(wheels) != 1 {
		return "", fmt.Errorf("pip brought %d wheels, want 1", len(wheels))
	}
	return wheels[0], nil
}

// watch reports the bytes below dir as the download's progress until stop, which returns when the last report is made.
func watch(dir string, total int64, report reportFunc) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	show := func() { report(progress.State{Done: min(bytesBelow(dir), total), Total: total, Unit: progress.Bytes}) }
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				show()
				return
			case <-tick.C:
				show()
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

// bytesBelow adds up the files below dir; what cannot be read, or is gone by then, counts nothing.
func bytesBelow(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}

// output runs a command and returns what it wrote; its error ends with the last of that, less addresses.
func output(ctx context.Context, words []string, env ...string) (string, error) {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(append(os.Environ(), "DEBIAN_FRONTEND=noninteractive"), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := runTogether(cmd)
	if err != nil {
		err = fmt.Errorf("%s: %w%s", words[0], err, lastWords(out.String()))
	}
	return out.String(), err
}

// lastWords is what a person needs of a failed command's output.
func lastWords(out string) string {
	lines := strings.Split(strings.TrimSpace(withoutHosts(out)), "\n")
	if lines[0] == "" {
		return ""
	}
	return ":\n  " + strings.Join(lines[max(0, len(lines)-6):], "\n  ")
}

// hosts matches what names a machine in pip's messages: addresses, which may hold a password, and the words of failed
// connections and look-ups.
var hosts = []*regexp.Regexp{
	regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s'")>\]]*`),
	regexp.MustCompile(`host=(['"])[^'"]*['"]`),
	regexp.MustCompile(`(?i)(resolve|connect(?:ion)? to) ['"]?[\w.-]+['"]?`),
}

func withoutHosts(text string) string {
	text = hosts[0].ReplaceAllString(text, "(address)")
	text = hosts[1].ReplaceAllString(text, "host=(address)")
	return hosts[2].ReplaceAllString(text, "$1 (address)")
}

var networkWords = regexp.MustCompile(`(?i)connection|timed? ?out|resolve|unreachable|temporary failure|retrying|` +
	`incompleteread|protocol ?error|ssl|proxy|\b(429|50[0234])\b|broken pipe|dns|failed to fetch`)

// networkTrouble says whether a failed pip may do better at another time.
func networkTrouble(message string) bool { return networkWords.MatchString(message) }
