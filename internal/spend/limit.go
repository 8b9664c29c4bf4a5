package spend

import (
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"beckon/internal/problem"
)

// Budget is what may be spent at most, by one run, in a day and in a month of the calendar. A nil Limit is none.
type Budget struct {
	PerRun   *Limit `json:"perRun,omitempty" yaml:"perRun,omitempty"`
	PerDay   *Limit `json:"perDay,omitempty" yaml:"perDay,omitempty"`
	PerMonth *Limit `json:"perMonth,omitempty" yaml:"perMonth,omitempty"`
}

// KeyHint says how an amount is written that is not given for a period.
func (b *Budget) KeyHint(key, value string) string {
	switch strings.ToLower(key) {
	case "usd", "dollars", "amount", "limit", "max", "cost":
		return "an amount is in USD and for a period, such as perDay: " + cmp.Or(value, "5")
	case "tokens":
		return "tokens are for a period, such as perDay: {tokens: " + cmp.Or(value, "200000") + "}"
	}
	return ""
}

// The periods of a budget, as the configuration names them.
const (
	PerRun   = "perRun"
	PerDay   = "perDay"
	PerMonth = "perMonth"
)

// Each calls each for every limit that is set.
func (b *Budget) Each(each func(period string, l Limit)) {
	if b == nil {
		return
	}
	for _, one := range []struct {
		period string
		limit  *Limit
	}{{PerRun, b.PerRun}, {PerDay, b.PerDay}, {PerMonth, b.PerMonth}} {
		if one.limit != nil {
			each(one.period, *one.limit)
		}
	}
}

// IsSet reports whether the budget has a limit.
func (b *Budget) IsSet() bool {
	return b != nil && (b.PerRun != nil || b.PerDay != nil || b.PerMonth != nil)
}

// HasUSD reports whether one of the limits is one of money.
func (b *Budget) HasUSD() (has bool) {
	b.Each(func(_ string, l Limit) { has = has || !l.InTokens })
	return has
}

// Check finds what is wrong with the budget.
func (b *Budget) Check() (found problem.Fields) {
	b.Each(func(period string, l Limit) {
		if l.Most <= 0 {
			found.Add(period,
				"must be more than 0: an amount of USD such as 5, or tokens such as {tokens: "+
					"200000}. Leave it out for no limit")
		}
	})
	return found
}

// Limit is an amount of USD, or a number of tokens.
type Limit struct {
	Most     int64 // in 1e-9 USD, or in tokens
	InTokens bool
}

// inTokens is how a limit of tokens is written.
type inTokens struct {
	Tokens int `json:"tokens" yaml:"tokens"`
}

var errLimit = errors.New("must be an amount of USD such as 5, or tokens such as {tokens: 200000}")

// UnmarshalText reads an amount of USD.
func (l *Limit) UnmarshalText(text []byte) error {
	var a Amount
	if err := a.UnmarshalText(text); err != nil {
		return errLimit
	}
	*l = Limit{Most: int64(a)}
	return nil
}

// Mapping is what a file may have in place of an amount.
func (l *Limit) Mapping() (into any, done func()) {
	var t inTokens
	return &t, func() { *l = Limit{Most: int64(t.Tokens), InTokens: true} }
}

// UnmarshalJSON reads an amount of USD, or {"tokens": 200000}.
func (l *Limit) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '{' {
		return l.UnmarshalText(data)
	}
	members := map[string]json.Number{}
	if err := json.Unmarshal(data, &members); err != nil || len(members) != 1 {
		return errLimit
	}
	n, err := strconv.ParseInt(members["tokens"].String(), 10, 64)
	if err != nil {
		return errLimit
	}
	*l = Limit{Most: n, InTokens: true}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (l Limit) MarshalJSON() ([]byte, error) {
	if l.InTokens {
		return json.Marshal(inTokens{int(l.Most)})
	}
	return json.Marshal(Amount(l.Most))
}

// MarshalYAML writes what a file may have.
func (l Limit) MarshalYAML() (any, error) {
	if l.InTokens {
		return inTokens{int(l.Most)}, nil
	}
	return Amount(l.Most).MarshalYAML()
}

// UnmarshalYAML reads what MarshalYAML writes.
func (l *Limit) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return l.UnmarshalText([]byte(n.Value))
	}
	into, done := l.Mapping()
	if err := n.Decode(into); err != nil {
		return errLimit
	}
	done()
	return nil
}

// String writes the limits for people: "perDay $5.00, perMonth 200000 tokens".
func (b Budget) String() string {
	var parts []string
	b.Each(func(period string, l Limit) { parts = append(parts, period+" "+l.String()) })
	return strings.Join(parts, ", ")
}

// String writes the limit for people: "$5.00", "200000 tokens".
func (l Limit) String() string { return l.Shown(l.Most) }

// Shown writes an amount of the limit's unit.
func (l Limit) Shown(n int64) string {
	if l.InTokens {
		return strconv.FormatInt(n, 10) + " tokens"
	}
	return Amount(n).String()
}
