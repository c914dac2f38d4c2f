# make demo   four cameras through four models on this machine; see demo/report.html
# make test   checks everything that CI checks
# Both fetch what they need into the user's cache, once: ONNX Runtime, and ffmpeg if there is none.
export CGO_ENABLED = 0

.PHONY: build demo test race
build:
	go build -o bin/sightline ./cmd/sightline

demo: build
	bin/sightline demo

test: build
	go vet ./...
	environment=$$(bin/sightline fetch --env) && eval "$$environment" && go test ./...

# With the race detector, which needs a C compiler.
race: build
	environment=$$(bin/sightline fetch --env) && eval "$$environment" && CGO_ENABLED=1 go test -race ./...
