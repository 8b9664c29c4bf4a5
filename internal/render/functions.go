package render

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Functions returns the names of the functions that a template may use besides text/template's and, or, not, eq, ne,
// lt, le, gt, ge, len, index and slice. The value that a pipe brings is the last argument.
//
//	json V, yaml V        V as JSON or YAML
//	fromJson V            what the JSON in the text V says
//	default F V           V, or F where V is missing, null or an empty text, list or map
//	truncate N V          the first N characters
//	join SEP LIST         the elements with SEP between them; anything but a list is taken as a list of one
//	upper V, lower V, trim V, replace OLD NEW V
//	date LAYOUT V         a time.Time, RFC 3339 text or Unix seconds in Go's layout
//	first LIST            the first element, or null
//	list A B …, dict K V … a new list or map
func Functions() []string {
	var names []string
	for name := range (&execution{}).functions() {
		if name[0] != '_' && !slices.Contains(builtin, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// builtin are text/template's own, of which some are defined anew.
var builtin = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice"}

// allowedNames are the identifiers that a template may use.
func allowedNames() []string {
	names := append(Functions(), builtin...)
	slices.Sort(names)
	return names
}

func (x *execution) functions() map[string]any {
	return map[string]any{
		"json": x.json, "yaml": x.yaml, "default": x.orDefault, "truncate": x.truncate, "join": x.join,
		"upper": x.upper, "lower": x.lower, "trim": x.trim, "replace": x.replace, "date": x.date,
		"first": x.first, "list": x.list, "dict": x.dict, "index": x.index, fromJSONName: x.fromJSON,
		"eq": x.equal, "ne": x.notEqual,
		"lt":     x.compares("lt", func(order int) bool { return order < 0 }),
		"le":     x.compares("le", func(order int) bool { return order <= 0 }),
		"gt":     x.compares("gt", func(order int) bool { return order > 0 }),
		"ge":     x.compares("ge", func(order int) bool { return order >= 0 }),
		tickName: x.tick, enterName: x.enter, leaveName: x.leave, printName: x.print, printDataName: x.printData,
		eachValueName: x.eachValue, eachPairName: x.eachPair, lookupName: x.lookup, softFromJSONName: x.softFromJSON,
	}
}

func (x *execution) orDefault(fallback, v any) (any, error) {
	p, err := x.plain(v)
	switch p := p.(type) {
	case nil:
		return fallback, err
	case string:
		if p == "" {
			return fallback, nil
		}
	case []any:
		if len(p) == 0 {
			return fallback, nil
		}
	case map[string]any:
		if len(p) == 0 {
			return fallback, nil
		}
	}
	return v, nil
}

func (x *execution) truncate(length, v any) (string, error) {
	n, err := x.plain(length)
	count, ok := n.(int64)
	if err != nil || !ok || count < 0 {
		return "", failf(Failed, "truncate needs a number of characters, as in … | truncate 80")
	}
	s, err := x.text(v)
	if err != nil || int64(len(s)) <= count {
		return s, err
	}
	end := 0
	for ; count > 0 && end < len(s); count-- {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
	}
	return s[:end], x.step(1 + end/bytesPerStep)
}

func (x *execution) join(separator, v any) (string, error) {
	sep, err := x.text(separator)
	if err != nil {
		return "", err
	}
	p, err := x.plain(v)
	if err != nil {
		return "", err
	}
	items, ok := p.([]any)
	if !ok {
		return x.text(v)
	}
	var b strings.Builder
	for i, item := range items {
		s, err := x.text(item)
		if err != nil {
			return "", err
		}
		if i > 0 {
			s = sep + s
		}
		if b.Len()+len(s) > x.limits.MaxBytes {
			return "", tooLarge(x.limits.MaxBytes)
		}
		if err := x.step(1 + len(s)/bytesPerStep); err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (x *execution) upper(v any) (string, error) { return x.mapped(v, strings.ToUpper) }
func (x *execution) lower(v any) (string, error) { return x.mapped(v, strings.ToLower) }
func (x *execution) trim(v any) (string, error)  { return x.mapped(v, strings.TrimSpace) }

// mapped is for functions whose result is about as long as their argument.
func (x *execution) mapped(v any, f func(string) string) (string, error) {
	s, err := x.text(v)
	if err != nil {
		return "", err
	}
	s = f(s)
	return s, x.stepBytes(len(s))
}

func (x *execution) replace(old, with, v any) (string, error) {
	var texts [3]string
	for i, arg := range []any{old, with, v} {
		var err error
		if texts[i], err = x.text(arg); err != nil {
			return "", err
		}
	}
	s, count := texts[2], strings.Count(texts[2], texts[0])
	size := len(s) - count*len(texts[0])
	if grown := count * len(texts[1]); count > 0 && grown/count != len(texts[1]) || grown > x.limits.MaxBytes {
		return "", tooLarge(x.limits.MaxBytes)
	} else if err := x.stepBytes(size + grown); err != nil {
		return "", err
	}
	return strings.ReplaceAll(s, texts[0], texts[1]), x.step(count)
}

// The years that RFC 3339 can write.
const (
	minUnix = -62167219200 // 0000-01-01
	maxUnix = 253402300799 // 9999-12-31
)

func (x *execution) date(layout, v any) (string, error) {
	l, err := x.text(layout)
	if err != nil {
		return "", err
	}
	if err := x.stepBytes(len(l)); err != nil {
		return "", err
	}
	t, ok := timeOf(v)
	if !ok {
		return "", failf(Failed, "date needs a time: RFC 3339 text or Unix seconds")
	}
	s := t.Format(l)
	return s, x.stepBytes(len(s))
}

func timeOf(v any) (time.Time, bool) {
	seconds := 0.0
	switch v := v.(type) {
	case time.Time:
		return v, true
	case Unknown, UnknownText:
		return time.Unix(0, 0).UTC(), true
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		return t, err == nil
	case int:
		seconds = float64(v)
	case int64:
		seconds = float64(v)
	case float64:
		seconds = v
	case decimal:
		seconds = v.float()
	default:
		return time.Time{}, false
	}
	if !(seconds >= minUnix && seconds <= maxUnix) {
		return time.Time{}, false
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)).UTC(), true
}

func (x *execution) first(v any) (any, error) {
	if u, ok := v.(Unknown); ok {
		return u, nil
	}
	p, err := x.plain(v)
	if err != nil || p == nil {
		return nil, err
	}
	items, ok := p.([]any)
	if !ok {
		return nil, failf(Failed, "first needs a list")
	}
	if len(items) == 0 {
		return nil, nil
	}
	return items[0], nil
}

func (x *execution) list(items ...any) ([]any, error) {
	return slices.Clone(items), x.step(1 + len(items))
}

func (x *execution) dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, failf(Failed, "dict needs a value for every key")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, err := x.text(pairs[i])
		if err != nil {
			return nil, err
		}
		m[key] = pairs[i+1]
	}
	return m, x.step(1 + len(pairs))
}

// sortedKeys returns the keys in order. Sorting a huge map takes long enough to look at the clock.
func (x *execution) sortedKeys(m map[string]any) (keys []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			slow, ok := p.(*Error)
			if !ok {
				panic(p)
			}
			keys, err = nil, slow
		}
	}()
	keys = slices.AppendSeq(make([]string, 0, len(m)), maps.Keys(m))
	slices.SortFunc(keys, func(a, b string) int {
		if err := x.step(1); err != nil {
			panic(err)
		}
		return strings.Compare(a, b)
	})
	return keys, nil
}
