package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sightline/internal/progress"
)

// TensorRTVariable names the folder of TensorRT's libraries to use in place of a fetched one.
const TensorRTVariable = "SIGHTLINE_TENSORRT"

// ErrNoMaven says that mvn, which brings TensorRT, is missing.
var ErrNoMaven = errors.New("mvn (Apache Maven) not found")

// bundle is several files out of one Maven artifact.
type bundle struct {
	group, artifact, version, classifier string
	sha256                               string // of the jar, hex
	size                                 int64  // of the jar, bytes
	members                              []pin  // member and size count
}

// tensorRT is the redistribution of TensorRT 10.6 for x86-64: runtime, ONNX parser, and the builder's
// resource, which knows all GPUs up to Hopper.
func tensorRT() bundle {
	const folder = "org/bytedeco/tensorrt/linux-x86_64/"
	return bundle{
		group: "org.bytedeco", artifact: "tensorrt", version: "10.6-1.5.11", classifier: "linux-x86_64-redist",
		sha256: "e7979693541f996bc284335b05f5e890a82b8b3aba50d680e1343a139cf291c4", size: 1090347946,
		members: []pin{
			{member: folder + "libnvinfer.so.10", size: 233099232},
			{member: folder + "libnvonnxparser.so.10", size: 4066992},
			{member: folder + "libnvinfer_builder_resource.so.10.6.0", size: 1430118240},
		},
	}
}

// TensorRT returns the folder of TensorRT's libraries: the one that SIGHTLINE_TENSORRT names, the one in the
// cache, or, the first time, the one it fetches by mvn (1.1 GB; 1.7 GB unpacked). For concurrent and
// interrupted calls see ONNXRuntime.
func TensorRT(ctx context.Context, o Options) (string, error) {
	return newFetcher(o).tensorRT(ctx)
}

// CachedTensorRT returns the folder that TensorRT has fetched, or "" if it has not.
func CachedTensorRT(o Options) string {
	f := newFetcher(o)
	cache, err := f.cacheDir()
	if err != nil {
		return ""
	}
	if dir := f.bundle.folder(cache); f.bundle.complete(dir) {
		return dir
	}
	return ""
}

func (b bundle) folder(cache string) string {
	return filepath.Join(cache, b.artifact+"-"+b.version+"-linux-amd64", "lib")
}

// complete says whether every file is there in its size; the folder is put there by a rename.
func (b bundle) complete(dir string) bool {
	for _, p := range b.members {
		if !have(filepath.Join(dir, p.file()), p) {
			return false
		}
	}
	return true
}

func (f *fetcher) tensorRT(ctx context.Context) (string, error) {
	if dir := os.Getenv(TensorRTVariable); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "libnvinfer.so.10")); err != nil {
			return "", fmt.Errorf("%s: %w", TensorRTVariable, err)
		}
		return filepath.Abs(dir)
	}
	if f.goos != "linux" || f.arch != "amd64" {
		return "", fmt.Errorf("TensorRT for %s/%s: %w: set %s to a folder of your own", f.goos, f.arch, ErrPlatform, TensorRTVariable)
	}
	cache, err := f.cacheDir()
	if err != nil {
		return "", err
	}
	dir := f.bundle.folder(cache)
	if err := f.obtainBundle(ctx, f.bundle, dir); err != nil {
		return "", fmt.Errorf("fetch TensorRT %s: %w", f.bundle.version, err)
	}
	return dir, nil
}

func (f *fetcher) obtainBundle(ctx context.Context, b bundle, dir string) error {
	if b.complete(dir) {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("%w (XDG_CACHE_HOME moves the cache)", err)
	}
	unlock, err := f.lock(ctx, filepath.Join(parent, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if b.complete(dir) { // another process fetched it while we waited
		return nil
	}
	sweep(parent)
	task := f.Progress.Task(b.artifact + " " + b.version)
	if err := f.fetchBundle(ctx, b, dir, task.Update); err != nil {
		task.Done("failed")
		return err
	}
	task.Done("done")
	f.log.Info("fetched", "artifact", b.artifact, "version", b.version, "folder", dir)
	return nil
}

func (f *fetcher) fetchBundle(ctx context.Context, b bundle, dir string, report reportFunc) (err error) {
	scratch, err := os.MkdirTemp(filepath.Dir(dir), scratchPattern)
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(scratch); err == nil {
			err = removed
		}
	}()
	jar, err := f.maven(ctx, b, scratch, report)
	if err != nil {
		return err
	}
	report(progress.State{Note: "checking and unpacking"})
	fresh := filepath.Join(scratch, "lib")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	if err := b.unpack(jar, fresh); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil { // an incomplete one, of a size that is not pinned
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// maven brings the jar into a repository of its own below scratch and returns its path.
func (f *fetcher) maven(ctx context.Context, b bundle, scratch string, report reportFunc) (string, error) {
	if _, err := exec.LookPath("mvn"); err != nil {
		return "", fmt.Errorf("%w: install it (Debian, Ubuntu: apt-get install maven), or set %s to the folder of a TensorRT 10 of your own", ErrNoMaven, TensorRTVariable)
	}
	repository := filepath.Join(scratch, "m2")
	stop := watch(scratch, b.size, report)
	_, err := output(ctx, []string{"mvn", "--quiet", "--batch-mode", "dependency:get", "-Dtransitive=false",
		"-Dmaven.repo.local=" + repository,
		"-Dartifact=" + strings.Join([]string{b.group, b.artifact, b.version, "jar", b.classifier}, ":")})
	stop()
	if err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("%w, check the network and Maven's settings and run this command again: %w", ErrDownload, err)
	}
	return filepath.Join(repository, filepath.FromSlash(strings.ReplaceAll(b.group, ".", "/")), b.artifact, b.version,
		b.artifact+"-"+b.version+"-"+b.classifier+".jar"), nil
}

// unpack checks the jar and writes its members into dir.
func (b bundle) unpack(jar, dir string) error {
	return checked(jar, b.sha256, b.size, func(r io.ReaderAt, size int64) error {
		for _, p := range b.members {
			if err := extract(r, size, p, filepath.Join(dir, p.file())); err != nil {
				return err
			}
		}
		return nil
	})
}
