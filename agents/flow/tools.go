package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"beckon/agents"
	"beckon/internal/fence"
)

// The limits of what the agents of a flow may keep by set_state.
const (
	maxStateKey   = agents.MaxStateKey
	maxStateKeys  = 1000
	maxStateBytes = 1 << 20 // of all keys and values, as JSON
)

// The parameters of the tools. The value has no type on purpose: it may be of any.
const (
	setStateSchema = `{"type":"object","properties":{"key":{"type":"string","description":"The name of the value."},` +
		`"value":{"description":"Any JSON value: a string, a number, true or false, a list, an object."}},` +
		`"required":["key","value"]}`
	getStateSchema = `{"type":"object","properties":{"key":{"type":"string",` +
		`"description":"The name of the value; left out, all values are returned."}}}`
	exitLoopSchema = `{"type":"object","properties":{}}`
)

// stateTools are the tools of one agent: they read a copy of the flow's state and collect the agent's changes,
// which go to the flow when it has answered. The changes of an agent that fails are dropped.
type stateTools struct {
	mu        sync.Mutex
	state     map[string]any
	sizes     map[string]int
	changes   map[string]any
	exitsLoop bool
	fence     *fence.Fence // marks what agents have kept, which may be the words of third parties; nil marks nothing
}

func newStateTools(t *thread) *stateTools {
	return &stateTools{
		state:   maps.Clone(t.state),
		sizes:   maps.Clone(t.sizes),
		changes: map[string]any{},
		fence:   t.call.Fence,
	}
}

// tools returns what the agent of a step may use.
func (d *stateTools) tools(s *agentStep) []agents.Tool {
	if s.entry.NoTools {
		return nil
	}
	list := []agents.Tool{
		{
			Name:        "set_state",
			Description: "Keeps a value under a name, for you and for the agents after you.",
			Parameters:  json.RawMessage(setStateSchema),
			Use:         d.set,
		},
		{
			Name:        "get_state",
			Description: "Returns the value that was kept under a name, or all of them.",
			Parameters:  json.RawMessage(getStateSchema),
			Use:         d.get,
		},
	}
	if s.inLoop {
		list = append(list, agents.Tool{
			Name:       "exit_loop",
			Use:        d.exit,
			Parameters: json.RawMessage(exitLoopSchema),
			Description: "Ends the repetition that you are part of, once you have answered. " +
				"Use it when the work is done and no further round is needed.",
		})
	}
	return list
}

// result returns what the agent has set, nil for nothing, and whether it leaves the loop.
func (d *stateTools) result() (changes map[string]any, leaves bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.changes) == 0 {
		return nil, d.exitsLoop
	}
	return maps.Clone(d.changes), d.exitsLoop
}

func (d *stateTools) set(_ context.Context, arguments json.RawMessage) (string, error) {
	var args struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(arguments, &args); err != nil {
		return "", errors.New(`the arguments must be an object like {"key": "approved", "value": true}`)
	}
	var value any
	switch {
	case args.Key == "" || len(args.Key) > maxStateKey:
		return "", fmt.Errorf("key must be a text of 1 to %d bytes", maxStateKey)
	case args.Value == nil:
		return "", errors.New("value is missing")
	case json.Unmarshal(args.Value, &value) != nil:
		return "", errors.New("value must be JSON, with numbers that are not too large")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	size := sizeOf(args.Key, value)
	switch old, ok := d.sizes[args.Key]; {
	case total(d.sizes)-old+size > maxStateBytes:
		return "", fmt.Errorf("the state would be larger than the %d KiB that are allowed: keep less",
			maxStateBytes>>10)
	case !ok && len(d.sizes) >= maxStateKeys:
		return "", fmt.Errorf("the state has %d keys and may have no more: set one of those again", maxStateKeys)
	}
	d.sizes[args.Key], d.state[args.Key], d.changes[args.Key] = size, value, value
	return "Kept.", nil
}

func (d *stateTools) get(_ context.Context, arguments json.RawMessage) (string, error) {
	var args struct {
		Key *string `json:"key"`
	}
	if len(arguments) > 0 && json.Unmarshal(arguments, &args) != nil {
		return "", errors.New(`the arguments must be an object like {"key": "approved"}, or {}`)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var value any = d.state
	if args.Key != nil {
		var ok bool
		if value, ok = d.state[*args.Key]; !ok {
			return "", fmt.Errorf("nothing is kept under %.*q; there is %s", maxStateKey, *args.Key, d.keys())
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("the value cannot be shown: %w", err)
	}
	return d.fence.Wrap(string(text)), nil
}

// keys names some of what is kept.
func (d *stateTools) keys() string {
	const most = 50
	keys := slices.Sorted(maps.Keys(d.state))
	switch {
	case len(keys) == 0:
		return "nothing yet"
	case len(keys) > most:
		return strings.Join(keys[:most], ", ") + ", …"
	}
	return strings.Join(keys, ", ")
}

func (d *stateTools) exit(_ context.Context, _ json.RawMessage) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.exitsLoop = true
	return "The loop ends when you have answered.", nil
}

// sizeOf is what a value counts against maxStateBytes.
func sizeOf(key string, value any) int {
	text, err := json.Marshal(value)
	if err != nil {
		return maxStateBytes // it does not come from JSON
	}
	return len(key) + len(text)
}

func total(sizes map[string]int) (sum int) {
	for _, n := range sizes {
		sum += n
	}
	return sum
}
