package tools

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
	"beckon/tools/names"
)

// The limits of a server's fields.
const (
	DefaultTimeout = 60 * time.Second
	maxTimeout     = time.Hour
	maxArguments   = 256 // of a command
	minSecret      = 6   // bytes: what is shorter cannot be blacked out of texts without garbling them
	minMemory      = 64 << 20
)

// Server is an MCP server, which offers tools: a program that speaks MCP on its standard input and output
// (Command), or the URL of one that speaks it over streamable HTTP.
type Server struct {
	ID   string `json:"id" yaml:"id"`
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	// the program and its arguments; no shell reads them
	Command []string `json:"command,omitempty" yaml:"command,omitempty"`
	// all of the program's environment, besides a PATH
	Env map[string]secret.String `json:"env,omitempty" yaml:"env,omitempty"`
	// what each process of the program may hold; 4GiB
	Memory units.Bytes `json:"maxMemory,omitempty" yaml:"maxMemory,omitempty"`
	URL    string      `json:"url,omitempty" yaml:"url,omitempty"`
	// sent with every request
	Headers map[string]secret.String `json:"headers,omitempty" yaml:"headers,omitempty"`
	// filled in for {{secret:NAME}} in the arguments of calls
	Secrets map[string]secret.String `json:"secrets,omitempty" yaml:"secrets,omitempty"`
	// for one call, and for connecting; 60s
	Timeout  units.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	Disabled bool           `json:"disabled,omitempty" yaml:"disabled,omitempty"`
}

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	secretName   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// Key returns the id.
func (s Server) Key() string { return s.ID }

// IsProgram reports whether it is started here.
func (s Server) IsProgram() bool { return len(s.Command) > 0 }

// ShownURL is the URL without what may be a secret.
func (s Server) ShownURL() string { return secret.ShownURL(s.URL) }

// Check finds what is wrong with the server on its own.
func (s Server) Check() (found problem.Fields) {
	if names.IsReserved(s.ID) {
		found.Add("id", "%s is kept for tools that are built in: take another", s.ID)
	}
	switch {
	case s.IsProgram() && s.URL != "":
		found.Add("url", "cannot be there beside command: a server is a program that is started here, or a URL")
	case s.IsProgram():
		s.checkProgram(&found)
	case s.URL != "":
		s.checkURL(&found)
	default:
		found.Add("", "needs a command or a url")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		if !secretName.MatchString(name) {
			found.Add("secrets",
				"%q cannot be the name of a secret: use letters, digits, - and _", problem.Shorten(name))
		}
		value := s.Secrets[name]
		isKnown := value != secret.Mask && value != secret.Lost && !value.IsReference()
		if isKnown && len(value) < minSecret {
			found.Add("secrets."+name,
				"must have %d bytes or more, so that it can be blacked out of what comes back", minSecret)
		}
	}
	if t := time.Duration(s.Timeout); t < 0 || t > maxTimeout {
		found.Add("timeout", "must be between 0s, which is %s, and %s", DefaultTimeout, units.Duration(maxTimeout))
	}
	return found
}

func (s Server) checkProgram(found *problem.Fields) {
	if strings.TrimSpace(s.Command[0]) == "" {
		found.Add("command[0]", "must be a program")
	}
	if len(s.Command) > maxArguments {
		found.Add("command", "has %d arguments; %d are allowed", len(s.Command), maxArguments)
	}
	for i, argument := range s.Command {
		if strings.ContainsRune(argument, 0) {
			found.Add(index("command", i), "must not hold a zero byte")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if !variableName.MatchString(name) {
			found.Add("env", "%q cannot be the name of a variable", problem.Shorten(name))
		}
		if strings.ContainsRune(s.Env[name].Reveal(), 0) && s.Env[name] != secret.Lost &&
			s.Env[name] != secret.Removed {
			found.Add("env."+name, "must not hold a zero byte")
		}
	}
	if len(s.Headers) > 0 {
		found.Add("headers", "are for a server with a url; a program has env")
	}
	if s.Memory != 0 && s.Memory < minMemory {
		found.Add("maxMemory", "must be at least %d MiB", minMemory>>20)
	}
}

func (s Server) checkURL(found *problem.Fields) {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		found.Add("url", "must be an http or https URL")
	case u.User != nil:
		found.Add("url", "must not hold a user name or password: use headers")
	case u.Fragment != "":
		found.Add("url", "must not have a fragment")
	}
	if len(s.Env) > 0 {
		found.Add("env", "is for a server with a command; one with a url has headers")
	}
	if s.Memory != 0 {
		found.Add("maxMemory", "is for a server with a command")
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case slices.Contains(ownHeaders, canonical):
			found.Add("headers", "%s cannot be set", name)
		case seen[canonical]:
			found.Add("headers."+name, "is there twice: upper and lower case are the same in the names of headers")
		}
		seen[canonical] = true
	}
}

// ownHeaders are those that the protocol sets.
var ownHeaders = []string{
	"Accept", "Content-Length", "Content-Type", "Host", "Last-Event-Id", "Mcp-Protocol-Version", "Mcp-Session-Id",
}
