package redact

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// The bounds of patterns.
const (
	maxPatterns = 16
	maxPattern  = 512 // bytes of each

)

// patternTime bounds what the patterns take for one text. A text that has not been searched by then is not kept at all.
var patternTime = 10 * time.Second

// other is what stands in the place of what a pattern has found.
const other = "[redacted]"

// Rules say what is done to the content of runs before it is kept or sent out. nil leaves everything as it is. They
// are written with a run, so that it keeps those under which it was accepted.
type Rules struct {
	Kinds    []string `json:"kinds,omitempty"`
	Patterns []string `json:"patterns,omitempty"`
	Model    bool     `json:"model,omitempty"`    // what models see is blacked out too
	Discards bool     `json:"discards,omitempty"` // neither input nor output is kept

	patterns []*regexp.Regexp
	text     string // as JSON
}

// New returns rules; see CheckKind and CheckPattern for what they may hold. Those that do nothing are nil.
func New(kinds, patterns []string, model, discards bool) (*Rules, error) {
	if len(kinds)+len(patterns) == 0 && !discards {
		return nil, nil
	}
	r := &Rules{Kinds: kinds, Patterns: patterns, Model: model && len(kinds)+len(patterns) > 0, Discards: discards}
	return r, r.compile()
}

func (r *Rules) compile() error {
	for _, kind := range r.Kinds {
		if err := CheckKind(kind); err != nil {
			return err
		}
	}
	if len(r.Patterns) > maxPatterns {
		return TooManyPatterns(len(r.Patterns))
	}
	for _, text := range r.Patterns {
		if err := CheckPattern(text); err != nil {
			return err
		}
		r.patterns = append(r.patterns, regexp.MustCompile(text))
	}
	text, err := json.Marshal(r)
	r.text = string(text)
	return err
}

// Strictest are the rules of content that it is not known of how it is to be treated.
func Strictest() *Rules {
	r, _ := New(Kinds(), nil, true, true) // which fails for wrong patterns only
	return r
}

// CheckKind refuses what is no kind.
func CheckKind(kind string) error {
	if slices.Contains(Kinds(), kind) {
		return nil
	}
	return fmt.Errorf("must be one of %s", strings.Join(Kinds(), ", "))
}

// CheckPattern refuses what is no pattern that can be used.
func CheckPattern(text string) error {
	if len(text) > maxPattern {
		return fmt.Errorf("has %d bytes; %d are allowed", len(text), maxPattern)
	}
	p, err := regexp.Compile(text)
	switch {
	case err != nil:
		return fmt.Errorf("is no regular expression as RE2 knows them (https://github.com/google/re2/wiki/Syntax): %s",
			strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	case p.MatchString(""):
		return fmt.Errorf("matches the empty text, and so stands everywhere: write what it has to find")
	}
	return nil
}

// TooManyPatterns is the error of a list with so many patterns, nil where they are not too many.
func TooManyPatterns(n int) error {
	if n <= maxPatterns {
		return nil
	}
	return fmt.Errorf("has %d patterns; %d are allowed", n, maxPatterns)
}

// String is what Read reads; empty for nil.
func (r *Rules) String() string {
	if r == nil {
		return ""
	}
	return r.text
}

// known are the rules that were read, by their text: there are as many as clients that have some.
var known sync.Map

// Read returns the rules of a text that String wrote; nil for an empty one.
func Read(text string) (*Rules, error) {
	if text == "" {
		return nil, nil
	}
	if r, ok := known.Load(text); ok {
		return r.(*Rules), nil
	}
	r := &Rules{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		return nil, fmt.Errorf("read how a run is redacted: %w", err)
	}
	if err := r.compile(); err != nil {
		return nil, fmt.Errorf("read how a run is redacted: %w", err)
	}
	known.Store(text, r)
	return r, nil
}

// Discarding reports whether neither input nor output is kept.
func (r *Rules) Discarding() bool { return r != nil && r.Discards }

// Blacks reports whether the rules black out anything.
func (r *Rules) Blacks() bool { return r != nil && len(r.Kinds)+len(r.patterns) > 0 }

// Text returns a text with everything blacked out that the rules name. JSON stays JSON: a number becomes a text
// where it has to.
func (r *Rules) Text(text string) string {
	if !r.Blacks() || text == "" {
		return text
	}
	return r.any(text, time.Now().Add(patternTime), 0)
}

// JSON is Text for a value in JSON.
func (r *Rules) JSON(value json.RawMessage) json.RawMessage {
	if !r.Blacks() || len(value) == 0 {
		return value
	}
	return json.RawMessage(r.Text(string(value)))
}

// matcher finds what a pattern does, until a time.
func matcher(p *regexp.Regexp, deadline time.Time) (find finder, inTime *bool) {
	inTime = new(bool)
	*inTime = true
	return func(text string, from int) (int, int) {
		// A search may read all that is left for one letter that it finds.
		if time.Now().After(deadline) {
			*inTime = false
			return -1, -1
		}
		begin := max(from-1, 0) // what is in front of it may matter, as to \b
		at := p.FindStringIndex(text[begin:])
		if at != nil && begin+at[0] < from {
			begin = from
			at = p.FindStringIndex(text[from:])
		}
		if at == nil || at[0] == at[1] {
			return -1, -1
		}
		return begin + at[0], begin + at[1]
	}, inTime
}
