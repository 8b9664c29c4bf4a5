package spend

import (
	"cmp"
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"beckon/internal/problem"
)

const million = 1_000_000

// Price is what a model costs in USD: for a million tokens, an image, or a minute of sound. What it does not say of
// something has no price.
type Price struct {
	// as agents name it; it may end in *
	Model string `json:"model" yaml:"model"`
	// of a million tokens; of a model that makes speech, of a million characters
	Input *Amount `json:"input,omitempty" yaml:"input,omitempty"`
	// that the provider had in its cache; nil is Input
	CachedInput *Amount `json:"cachedInput,omitempty" yaml:"cachedInput,omitempty"`
	// that the provider has put into its cache; nil is Input
	CacheWrite *Amount `json:"cacheWrite,omitempty" yaml:"cacheWrite,omitempty"`
	// reasoning included
	Output *Amount `json:"output,omitempty" yaml:"output,omitempty"`
	// that was made
	Image *Amount `json:"image,omitempty" yaml:"image,omitempty"`
	// of sound
	Minute *Amount `json:"minute,omitempty" yaml:"minute,omitempty"`
}

// Use is what a request has used, or may use at most.
type Use struct {
	Input, Output           int64 // tokens
	CachedInput, CacheWrite int64 // that are a part of Input
	Images                  int64
	Milliseconds            int64 // of sound
}

// Cost returns what a use costs. ok is false where something was used that has no price.
func (p *Price) Cost(u Use) (cost Amount, ok bool) {
	plain := max(u.Input-u.CachedInput-u.CacheWrite, 0)
	ok = true
	add := func(price *Amount, n, per int64) {
		switch {
		case n <= 0:
		case price == nil:
			ok = false
		default:
			cost = cost.plus(price.times(n, per))
		}
	}
	// Images and sound have a price by themselves, or by the tokens that they are.
	byPiece := p.Image != nil && u.Images > 0 || p.Minute != nil && u.Milliseconds > 0
	byToken := u.Input > 0 && p.Input != nil || u.Output > 0 && p.Output != nil
	if !byPiece || p.Input != nil {
		add(p.Input, plain, million)
		add(cmp.Or(p.CachedInput, p.Input), u.CachedInput, million)
		add(cmp.Or(p.CacheWrite, p.Input), u.CacheWrite, million)
	}
	if !byPiece || p.Output != nil {
		add(p.Output, u.Output, million)
	}
	if !byToken || p.Image != nil {
		add(p.Image, u.Images, 1)
	}
	if !byToken || p.Minute != nil {
		add(p.Minute, u.Milliseconds, 60_000)
	}
	return cost, ok
}

// Most returns what a use can cost at most, whatever of its input is in a cache.
func (p *Price) Most(u Use) (Amount, bool) {
	all := *p
	for _, other := range []*Amount{p.CachedInput, p.CacheWrite} {
		if all.Input != nil && other != nil && *other > *all.Input {
			all.Input = other
		}
	}
	u.CachedInput, u.CacheWrite = 0, 0
	return all.Cost(u)
}

// OutputFor returns how many tokens of output an amount pays for.
func (p *Price) OutputFor(a Amount) int64 {
	if p.Output == nil || *p.Output <= 0 {
		return math.MaxInt64
	}
	n := int64(Amount(million).times(int64(max(a, 0)), int64(*p.Output)))
	if p.Output.times(n, million) > a { // it was rounded up
		n--
	}
	return n
}

// check finds what is wrong with the price on its own.
func (p *Price) check(found *problem.Fields, path string) {
	name, isPattern := strings.CutSuffix(p.Model, "*")
	switch {
	case p.Model == "":
		found.Add(path+".model", "is required: the name of a model, which may end in *")
	case strings.Contains(name, "*"):
		found.Add(path+".model", "may have one * at its end, and none elsewhere")
	case !isPattern && strings.TrimSpace(name) != name:
		found.Add(path+".model", "must not begin or end with a blank")
	}
	if p.Input == nil && p.Output == nil && p.Image == nil && p.Minute == nil {
		found.Add(path, "needs a price: input, output, image or minute. For a model that costs nothing, write 0")
	}
}

// Check finds what is wrong with a list of prices. The paths begin with the index: "[0].model".
func Check(list []Price) (found problem.Fields) {
	seen := map[string]bool{}
	for i := range list {
		path := fmt.Sprintf("[%d]", i)
		list[i].check(&found, path)
		if seen[list[i].Model] && list[i].Model != "" {
			found.Add(path+".model", "%q is there twice", problem.Shorten(list[i].Model))
		}
		seen[list[i].Model] = true
	}
	return found
}

// Prices tells what models cost. It never changes, and is safe for concurrent use.
type Prices struct {
	lists [2]list // those of the configuration, which come first, and those that are shipped
	known sync.Map
}

// list has prices by name, and those whose name ends in *, the longest first.
type list struct {
	byName   map[string]*Price
	patterns []*Price
}

func newList(prices []Price) list {
	l := list{byName: map[string]*Price{}}
	for i := range prices {
		p := &prices[i]
		if strings.HasSuffix(p.Model, "*") {
			l.patterns = append(l.patterns, p)
		} else {
			l.byName[p.Model] = p
		}
	}
	slices.SortStableFunc(l.patterns, func(a, b *Price) int { return len(b.Model) - len(a.Model) })
	return l
}

func (l list) of(model string) *Price {
	if p := l.byName[model]; p != nil {
		return p
	}
	for _, p := range l.patterns {
		if strings.HasPrefix(model, strings.TrimSuffix(p.Model, "*")) {
			return p
		}
	}
	return nil
}

//go:embed prices.yaml
var shippedText []byte

// shipped returns the prices that Beckon comes with.
var shipped = sync.OnceValue(func() list {
	var file struct {
		Prices []Price `yaml:"prices"`
	}
	if err := yaml.Unmarshal(shippedText, &file); err != nil {
		panic(err) // a test reads it
	}
	return newList(file.Prices)
})

// NewPrices returns the prices of a configuration over those that are shipped.
func NewPrices(configured []Price) *Prices {
	return &Prices{lists: [2]list{newList(slices.Clone(configured)), shipped()}}
}

// edition is what stands behind the name of a model for one of its editions, which cost the same: a date, a number,
// latest.
var edition = regexp.MustCompile(`(-\d{4}-\d{2}-\d{2}|[-@]\d{8}|-\d{3}|-latest)$`)

// Of returns the price of a model; nil for one without. A price of the configuration comes before one that is
// shipped, a whole name before one that ends in *, and a longer one of these before a shorter one. A model has the
// price of the name without its edition ("gpt-5-2025-08-07"), and without the vendor in front ("openai/gpt-5"),
// unless it has one of its own.
func (p *Prices) Of(model string) *Price {
	if p == nil {
		return nil
	}
	if known, ok := p.known.Load(model); ok { // there are as many as agents have
		return known.(*Price)
	}
	names := []string{model, edition.ReplaceAllString(model, "")}
	if i := strings.LastIndexByte(model, '/'); i >= 0 {
		names = append(names, model[i+1:], edition.ReplaceAllString(model[i+1:], ""))
	}
	var found *Price
	for _, l := range p.lists {
		for _, name := range names {
			if found == nil {
				found = l.of(name)
			}
		}
	}
	p.known.Store(model, found)
	return found
}

// Cost is what something has cost, as far as it has a price.
type Cost struct {
	Amount  Amount
	IsKnown bool // a part of it has a price at least
}

// Plus returns the sum of both.
func (c Cost) Plus(d Cost) Cost { return Cost{c.Amount.plus(d.Amount), c.IsKnown || d.IsKnown} }

// OrNil returns the amount, or nil where nothing has a price.
func (c Cost) OrNil() *Amount {
	if !c.IsKnown {
		return nil
	}
	return &c.Amount
}

// CostOf returns the cost of an amount, or of nil.
func CostOf(a *Amount) Cost {
	if a == nil {
		return Cost{}
	}
	return Cost{*a, true}
}
