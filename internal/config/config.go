// Package config reads what a person writes: the configuration and the model cards, both YAML. Every
// mistake of a file is found at once and told with its line and column. It imports nothing of ours.
package config

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Config is a whole configuration, checked and with its defaults filled in. The struct tags are the one
// description of the format: the decoder, the JSON schema and the documentation are made from them.
type Config struct {
	Device      string    `yaml:"device" enum:"cuda,host" default:"cuda" doc:"What decodes and infers: cuda is the GPU; host is the development stand-in on the processor. Neither ever replaces the other."`
	MemoryLimit Bytes     `yaml:"memory_limit" default:"0" doc:"Upper bound of the pool of device and pinned memory, for example 4GiB; 0 means none."`
	CUDA        CUDA      `yaml:"cuda" doc:"Settings of device cuda."`
	Host        Host      `yaml:"host" doc:"Settings of device host."`
	Inference   Inference `yaml:"inference" doc:"How the cameras share the models."`
	Models      Models    `yaml:"models,required" doc:"The models, each under a name of your choice (that of its task is usual): the path of a model card, or an object that names a card, changes some of its values and says what it looks at."`
	Limits      Limits    `yaml:"limits" doc:"Bounds of one picture's results. Buffers are made for them."`
	Tracking    Tracking  `yaml:"tracking" doc:"How objects become tracks: a method, or an object that also changes its settings."`
	Identity    *Identity `yaml:"identity" doc:"Recognises people across cameras; without it nobody is. {} takes every default. Needs the reid model."`
	Cameras     []Camera  `yaml:"cameras,required" doc:"The cameras. Each has its own pipeline."`
	Sinks       []Sink    `yaml:"sinks" doc:"Where results go. Each sink gets the results of all its cameras."`
}

// CUDA are settings of the GPU.
type CUDA struct {
	GPU      int    `yaml:"gpu" default:"0" min:"0" max:"255" doc:"Number of the GPU, as CUDA counts."`
	TensorRT string `yaml:"tensorrt" doc:"Folder of libnvinfer.so.10; by default the environment's SIGHTLINE_TENSORRT, what sightline fetch tensorrt brought, or the loader's path."`
	Plans    string `yaml:"plans" doc:"Folder of the engines' plans; by default the environment's SIGHTLINE_PLANS, or else sightline/plans in the user's cache."`
}

// Host are settings of the host device.
type Host struct {
	Threads int `yaml:"threads" default:"0" min:"0" max:"256" doc:"Threads that work on one operator of a model; 0 shares the cores among the cameras, which is best."`
}

// Inference says how the cameras share the models.
type Inference struct {
	Mode    string   `yaml:"mode" enum:"serialized,parallel,batched" default:"parallel" doc:"parallel: every camera has its own execution contexts and all run at once; serialized: one inference of a model at a time; batched: inferences of several cameras are put together."`
	MaxWait Duration `yaml:"max_wait" default:"2ms" doc:"Mode batched: how long the first request of a batch waits for others, and for those of the batch before."`
	Workers int      `yaml:"workers" default:"4" min:"1" max:"64" doc:"Mode batched: execution contexts a model. Beside two batches on the device only full ones start."`
}

// Limits bound the results of one picture.
type Limits struct {
	Objects int `yaml:"objects" default:"100" min:"1" max:"1024" doc:"Objects a picture."`
	People  int `yaml:"people" default:"32" min:"1" max:"256" doc:"Objects a picture that another model looks at (people, as a rule), for each such model: the surest ones."`
}

// Camera is one camera or file.
type Camera struct {
	Name        string         `yaml:"name,required" doc:"Name in results, logs and file names: letters, digits, '.', '-' and '_'."`
	Source      Source         `yaml:"source,required" doc:"Path of a recording (MP4 with H.264, H.265, VP9 or AV1; MPEG-TS with H.264 or H.265), or a camera's address: rtsp:// or rtsps://, or that of an MPEG transport stream: udp://, tcp://, http:// or https://. ${NAME} is filled from the environment; special characters of a password are written %XX."`
	Loop        bool           `yaml:"loop" default:"false" doc:"File: start again at the end."`
	Realtime    bool           `yaml:"realtime" default:"false" doc:"File: play at its own speed as a camera would, where late pictures are dropped; otherwise as fast as possible, and nothing is dropped."`
	Transport   string         `yaml:"transport" enum:"auto,tcp,udp" default:"auto" doc:"RTSP transport; auto: UDP, and TCP where nothing comes."`
	TLSInsecure bool           `yaml:"tls_insecure" doc:"Accept any certificate of an rtsps:// or https:// camera: many have signed theirs themselves."`
	AfterLoss   string         `yaml:"after_loss" enum:"wait,continue" default:"wait" doc:"Camera, after lost packets or a damaged picture: wait for the next key picture, or continue with pictures that the decoder guesses parts of."`
	MaxFPS      float64        `yaml:"max_fps" default:"0" min:"0" max:"1000" doc:"Pictures a second to look at; those between are dropped. 0 means all."`
	Models      []string       `yaml:"models" doc:"Names of the models to run on this camera; all if left out."`
	Tracking    CameraTracking `yaml:"tracking" doc:"How this camera's objects become tracks: a method, or an object that changes some of the settings of tracking."`
}

// Sink is a place where results go.
type Sink struct {
	Type     string   `yaml:"type,required" enum:"jsonl,mot,stdout" doc:"jsonl: DIR/CAMERA.jsonl, a result a line; mot: DIR/CAMERA.txt, MOTChallenge text; stdout: JSON lines."`
	Dir      string   `yaml:"dir" doc:"jsonl, mot: folder of the files, made if it is not there; relative to the working directory."`
	Cameras  []string `yaml:"cameras" doc:"Names of the cameras whose results it gets; all if left out."`
	ReID     bool     `yaml:"reid" default:"false" doc:"jsonl, stdout: write appearance vectors (about 3.4 kB a person)."`
	Class    string   `yaml:"class" default:"person" doc:"mot: the class that is written."`
	Detector string   `yaml:"detector" doc:"mot: only what this detection model found; if left out, what all of a camera's did."`
	MaxBytes Bytes    `yaml:"max_bytes" default:"0" doc:"jsonl, mot: a file that would grow beyond this is rotated; 0 means never."`
	Keep     int      `yaml:"keep" default:"5" min:"1" max:"1000" doc:"jsonl, mot: rotated files to keep."`
	Append   bool     `yaml:"append" default:"false" doc:"jsonl, mot: continue the file of the last run instead of rotating it away."`
	Queue    int      `yaml:"queue" default:"256" min:"1" max:"65536" doc:"Results that may wait for a slow disk before new ones are dropped and counted. Cameras that are read as fast as possible wait instead."`
}

// Duration is a length of time, written as Go writes it: 500ms, 2s, 1m30s.
type Duration time.Duration

// Bytes is a size: a number, or one with KiB, MiB, GiB, kB, MB or GB.
type Bytes int64

// Load reads and checks the configuration at path and the model cards it names. Its error is of type
// Errors if the content is wrong. Relative paths in a file are looked for beside that file, then in the
// working directory.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, Errors{{File: path, Message: fmt.Sprintf("cannot be read: %v", reason(err))}}
	}
	return parse(path, text)
}

func parse(path string, text []byte) (*Config, error) {
	r := newReader(path, text)
	c := &Config{}
	r.document(c)
	if len(r.faults) == 0 || r.decoded {
		r.checkConfig(c)
	}
	return c, r.err()
}

// HostThreads is Host.Threads with 0 replaced by what is best on so many cores.
func (c *Config) HostThreads(cores int) int {
	if c.Host.Threads > 0 {
		return c.Host.Threads
	}
	return max(1, cores/max(1, len(c.Cameras)))
}

// find resolves a path written in the file named by beside.
func find(beside, path string) (string, error) {
	if filepath.IsAbs(path) {
		_, err := os.Stat(path)
		return path, err
	}
	near := filepath.Join(filepath.Dir(beside), path)
	if _, err := os.Stat(near); err == nil {
		return near, nil
	}
	_, err := os.Stat(path)
	return path, err
}
