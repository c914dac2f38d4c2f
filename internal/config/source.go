package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Source is a file's path or a camera's URL, which may hold a password. However it is printed, logged
// or encoded, the password is not shown; Reveal is the one way to it.
type Source struct{ text string }

// NewSource makes a source of a path or URL.
func NewSource(text string) Source { return Source{text} }

// ParseSource reads a source as it stands on a command line: ${NAME} takes a value from the environment.
func ParseSource(text string) (Source, error) {
	full, err := expand(text)
	if err != nil {
		return Source{}, err
	}
	s := Source{full}
	switch {
	case s.Live(), s.scheme() == "":
		return s, nil
	case s.scheme() == "file":
		return Source{full[len("file://"):]}, nil
	}
	return Source{}, fmt.Errorf("%s: expected a file's path, or an address: %s", s, addresses)
}

// Reveal is the source with its secrets, for the one who opens it.
func (s Source) Reveal() string { return s.text }

func (s Source) String() string { return redact(s.text) }

// Format keeps every verb of package fmt from showing the secret.
func (s Source) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redact(s.text))) }

// LogValue implements slog.LogValuer.
func (s Source) LogValue() slog.Value { return slog.StringValue(redact(s.text)) }

// MarshalText implements encoding.TextMarshaler.
func (s Source) MarshalText() ([]byte, error) { return []byte(redact(s.text)), nil }

// Live says that the source is a camera and not a file.
func (s Source) Live() bool {
	return s.scheme() == "rtsp" || s.scheme() == "rtsps" || s.TransportStream()
}

// TransportStream says that the source is an MPEG transport stream from the network.
func (s Source) TransportStream() bool {
	return slices.Contains([]string{"udp", "tcp", "http", "https"}, s.scheme())
}

// addressFault says what an address of the network lacks; empty if nothing.
func (s Source) addressFault() string {
	u, err := url.Parse(redact(s.text)) // a password may be anything
	if err != nil {
		var p *url.Error
		if errors.As(err, &p) {
			err = p.Err
		}
		return fmt.Sprintf("is no address: %v", err)
	}
	port, err := strconv.Atoi(u.Port())
	switch {
	case u.Port() != "" && (err != nil || port < 1 || port > 65535):
		return fmt.Sprintf("has the port %s, expected 1 to 65535", u.Port())
	case u.Hostname() == "" && s.scheme() != "udp": // udp://:5000 listens on every interface
		return "names no host"
	case u.Port() == "" && (s.scheme() == "udp" || s.scheme() == "tcp"):
		return "names no port"
	}
	return ""
}

// listens says where a source waits for packets, if it does so on an address that only one can have: its port, and host, which is empty
// for all of this machine's.
func (s Source) listens() (host, port string) {
	if s.scheme() != "udp" {
		return "", ""
	}
	u, err := url.Parse(s.text)
	if err != nil {
		return "", ""
	}
	ip := net.ParseIP(u.Hostname())
	switch {
	case ip.IsMulticast():
		return "", ""
	case ip.IsUnspecified():
		return "", u.Port()
	}
	return strings.ToLower(u.Hostname()), u.Port()
}

const addresses = "rtsp://, rtsps://, or of an MPEG transport stream udp://, tcp://, http://, https://"

// scheme is the URL scheme in lower case, or "" for a path.
func (s Source) scheme() string {
	name, _, ok := strings.Cut(s.text, "://")
	if !ok || !schemeName.MatchString(name) {
		return ""
	}
	return strings.ToLower(name)
}

var (
	schemeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)
	// userinfo takes everything up to the last @: passwords with / or @ in them are common, and a host
	// shown as part of the stars harms nobody.
	userinfo = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://).+@`)
	// secretQuery are the values of query parameters that name a secret.
	secretQuery = regexp.MustCompile(`(?i)([?&;][^=&;]*(?:pass|pwd|token|secret|key|auth|sig)[^=&;]*=)[^&;]*`)
)

func redact(text string) string {
	text = userinfo.ReplaceAllString(text, "$1***@")
	return secretQuery.ReplaceAllString(text, "$1***")
}

var variable = regexp.MustCompile(`\$\$\{|\$\{[^}]*\}?`)

// expand fills ${NAME} from the environment; $${ stands for ${. A missing or badly written variable is a
// mistake: an empty password would only show up as a camera that refuses.
func expand(text string) (string, error) {
	var wrong error
	out := variable.ReplaceAllStringFunc(text, func(v string) string {
		if v == "$${" {
			return "${"
		}
		name, closed := strings.CutSuffix(v[2:], "}")
		if !closed || !variableName.MatchString(name) {
			wrong = fmt.Errorf("%s is not a variable: expected ${NAME} ($${ stands for ${ itself)", v)
			return ""
		}
		value, ok := os.LookupEnv(name)
		if !ok {
			wrong = fmt.Errorf("environment variable %s is not set", name)
		}
		return value
	})
	return out, wrong
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
