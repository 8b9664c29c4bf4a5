package agents

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/secret"
	"beckon/internal/units"
)

// Request is the request of an agent of kind http. For kinds image and speech only Body is set, the JSON for the
// provider. All members except the method are templates. In YAML and JSON, a text is short for {body: text}.
type Request struct {
	Method string `json:"method,omitempty" yaml:"method,omitempty"` // GET, or POST where there is a body
	// URL is where it goes. Its scheme and host are written out, so that no input can lead it elsewhere.
	URL     string                   `json:"url,omitempty" yaml:"url,omitempty"`
	Headers map[string]secret.String `json:"headers,omitempty" yaml:"headers,omitempty"` // sent to the host of URL only
	Body    string                   `json:"body,omitempty" yaml:"body,omitempty"`
}

// Poll says how to find out what became of the job that a request has begun. All but URL and Every are CEL over answer.
type Poll struct {
	// a template, which knows answer besides
	URL      string         `json:"url" yaml:"url"`
	Until    string         `json:"until" yaml:"until"`                           // whether the job has ended well
	Failed   string         `json:"failed,omitempty" yaml:"failed,omitempty"`     // whether it has failed
	Every    units.Duration `json:"every,omitempty" yaml:"every,omitempty"`       // 5s
	Progress string         `json:"progress,omitempty" yaml:"progress,omitempty"` // how much is done, from 0 to 100
}

// Cancel is the request that stops a job. All but the method are templates, which know answer besides.
type Cancel struct {
	Method string `json:"method,omitempty" yaml:"method,omitempty"` // POST
	URL    string `json:"url" yaml:"url"`
	Body   string `json:"body,omitempty" yaml:"body,omitempty"`
}

var origin = regexp.MustCompile(`^https?://[^/?#{}@\s\\]+`)

// Origin returns the scheme and host of a URL that may be a template; "" unless both are written out.
func Origin(url string) string {
	found := origin.FindString(url)
	if rest := url[len(found):]; rest != "" && !strings.ContainsAny(rest[:1], "/?") {
		return ""
	}
	return found
}

// ShortText is what a file may have in place of the mapping: the text itself.
func (r *Request) ShortText() *string { return &r.Body }

// UnmarshalJSONFrom reads a text, too. It passes on how secrets are read.
func (r *Request) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == jsontext.KindString {
		return jsonv2.UnmarshalDecode(d, &r.Body)
	}
	type plain Request
	return jsonv2.UnmarshalDecode(d, (*plain)(r))
}

// UnmarshalJSON does the same for encoding/json.
func (r *Request) UnmarshalJSON(data []byte) error {
	type plain Request
	return readShort(data, &r.Body, (*plain)(r))
}

// ShortText is what a file may have in place of the mapping: the text itself.
func (o *Output) ShortText() *string { return &o.Text }

// UnmarshalJSON reads a text, too.
func (o *Output) UnmarshalJSON(data []byte) error {
	type plain Output
	return readShort(data, &o.Text, (*plain)(o))
}

// readShort reads a text into one member, or all of them. It refuses members that do not exist.
func readShort(data []byte, text *string, all any) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte{'"'}) {
		return json.Unmarshal(data, text)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(all)
}
