# make demo   four cameras through four models on this machine; see demo/report.html
# make test   vet and every test; CI runs this and then make fuzz
# make tracks  scores our trackers and other people's on synthetic crowds and on the two plaza clips that overlap
# make identity  scores who is taken for whom in the two plaza clips that overlap
# The first two fetch what they need into the user's cache, once: ONNX Runtime, and ffmpeg if there is none.
export CGO_ENABLED = 0

.PHONY: build demo test race fuzz tracks identity
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

# Every fuzz target for FUZZTIME.
FUZZTIME = 30s
fuzz: build
	environment=$$(bin/sightline fetch --env) && eval "$$environment" && \
	grep -rHo '^func Fuzz[A-Za-z0-9]*' --include='*_test.go' internal | sed 's/:func / /' | while read -r file target; do \
		scripts/fuzz "./$$(dirname "$$file")" "$$target" $(FUZZTIME) || exit 1; done

# Our trackers and other people's on synthetic crowds and on what the demo models see in two plaza clips. Needs Python and some gigabytes for what requirements.txt
# names; nothing else here does.
TRACKS = out/tracks
tracks: build
	go run ./internal/track/judge -out $(TRACKS)
	test -x $(TRACKS)/python/bin/python || python3 -m venv $(TRACKS)/python
	$(TRACKS)/python/bin/pip install -q -r internal/track/judge/requirements.txt
	$(TRACKS)/python/bin/python internal/track/judge/judge.py $(TRACKS)

# Who is taken for whom in plaza-west and plaza-east, by the demo models on the host device. About two minutes.
identity: build
	go run ./internal/identity/judge
