package clients

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/expression"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// Coalesce says how calls about the same thing share runs. In files and JSON "off" alone turns it off.
type Coalesce struct {
	Mode string `json:"mode,omitempty" yaml:"-"` // off, or empty
	// CEL: the key that calls share; event.key
	By         string         `json:"by,omitempty" yaml:"by,omitempty"`
	Window     units.Duration `json:"window,omitempty" yaml:"window,omitempty"` // 30s
	MaxRuns    int            `json:"maxRuns,omitempty" yaml:"maxRuns,omitempty"`
	Per        units.Duration `json:"per,omitempty" yaml:"per,omitempty"`
	OnResolved string         `json:"onResolved,omitempty" yaml:"onResolved,omitempty"`
}

// CoalesceOff is the Mode of a client whose calls never share a run.
const CoalesceOff = "off"

// The defaults and bounds of Coalesce.
const (
	defaultCoalesceBy      = "event.key"
	DefaultCoalesceWindow  = 30 * time.Second
	DefaultCoalesceMaxRuns = 6
	DefaultCoalescePer     = time.Minute
	DefaultOnResolved      = "note"
	maxCoalesceWindow      = time.Hour
	maxCoalescePer         = 24 * time.Hour
	maxCoalesceRuns        = 1000
)

// ShortText says that a file may have the mode alone.
func (c *Coalesce) ShortText() *string { return &c.Mode }

// UnmarshalJSONFrom reads a mode, or an object.
func (c *Coalesce) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == '"' {
		*c = Coalesce{}
		return json.UnmarshalDecode(in, &c.Mode)
	}
	type plain Coalesce
	return json.UnmarshalDecode(in, (*plain)(c))
}

// UnmarshalJSON is UnmarshalJSONFrom for encoding/json.
func (c *Coalesce) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, c, json.RejectUnknownMembers(true))
}

// MarshalYAML writes one that is off as that.
func (c Coalesce) MarshalYAML() (any, error) {
	if c.Mode == CoalesceOff {
		return CoalesceOff, nil
	}
	type plain Coalesce
	return plain(c), nil
}

func (c Coalesce) check(found *problem.Fields) {
	if c.Mode != "" && c.Mode != CoalesceOff {
		found.Add("coalesce", "must be off, or have by, window, maxRuns, per and onResolved")
	}
	if _, err := compileOverCall(c.by()); err != nil {
		found.Add("coalesce.by", "%v", err)
	}
	if c.Window < 0 || time.Duration(c.Window) > maxCoalesceWindow {
		found.Add("coalesce.window", "must be at most %s", units.Duration(maxCoalesceWindow))
	}
	if c.MaxRuns < 0 || c.MaxRuns > maxCoalesceRuns {
		found.Add("coalesce.maxRuns", "must be from 1 to %d", maxCoalesceRuns)
	}
	if c.Per < 0 || time.Duration(c.Per) > maxCoalescePer {
		found.Add("coalesce.per", "must be at most %s", units.Duration(maxCoalescePer))
	}
	switch c.OnResolved {
	case "", "note", "run", "ignore":
	default:
		found.Add("coalesce.onResolved", "must be note, run or ignore")
	}
}

func (c Coalesce) by() string {
	if c.By == "" {
		return defaultCoalesceBy
	}
	return c.By
}

// coalescing returns how the client's calls share runs, and nil where each starts one of its own. Those of alert
// sources share runs, unless their callers wait for answers.
func (c Client) coalescing() *Coalesce {
	source := known.Source(c.Source)
	switch {
	case c.Coalesce != nil && c.Coalesce.Mode == CoalesceOff:
		return nil
	case c.Coalesce != nil:
		return c.Coalesce
	case source != nil && source.Alerts() && c.Respond != RespondSync:
		return &Coalesce{}
	}
	return nil
}

// Coalescing is how the calls of a client in force share runs.
type Coalescing struct {
	Key         *expression.Expression // over a call
	Window, Per time.Duration
	MaxRuns     int
	OnResolved  string
}

// compile returns what is in force; nil where something is wrong with it.
func (c Coalesce) compile() *Coalescing {
	key, err := compileOverCall(c.by())
	if err != nil {
		return nil
	}
	in := &Coalescing{
		Key:        key,
		Window:     c.Window.Or(DefaultCoalesceWindow),
		Per:        c.Per.Or(DefaultCoalescePer),
		MaxRuns:    c.MaxRuns,
		OnResolved: c.OnResolved,
	}
	if in.MaxRuns == 0 {
		in.MaxRuns = DefaultCoalesceMaxRuns
	}
	if in.OnResolved == "" {
		in.OnResolved = DefaultOnResolved
	}
	return in
}
