package render

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDepth   = 10_000 // of values within each other; JSON that is decoded here has no more
	timeLayout = "2006-01-02T15:04:05.000Z"
)

// plain returns v as one of nil, bool, string, int64, float64, decimal, []any and map[string]any; what is inside is
// left as it is.
func (x *execution) plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, int64, float64, decimal, []any, map[string]any:
		return v, nil
	case int:
		return int64(v), nil
	case Unknown:
		return int64(0), nil
	case time.Time:
		return v.UTC().Format(timeLayout), nil
	case fmt.Stringer:
		return v.String(), nil
	}
	r := reflect.ValueOf(v)
	switch {
	case r.Kind() == reflect.Bool:
		return r.Bool(), nil
	case r.Kind() == reflect.String:
		return r.String(), nil
	case r.CanInt():
		return r.Int(), nil
	case r.CanUint() && r.Uint() <= math.MaxInt64:
		return int64(r.Uint()), nil
	case r.CanUint():
		return float64(r.Uint()), nil
	case r.CanFloat():
		return r.Float(), nil
	case r.Kind() == reflect.Slice && r.Type().Elem().Kind() == reflect.Uint8:
		return string(r.Bytes()), nil
	case r.Kind() == reflect.Slice || r.Kind() == reflect.Array:
		list := make([]any, r.Len())
		for i := range list {
			list[i] = r.Index(i).Interface()
		}
		return list, x.step(1 + len(list))
	case r.Kind() == reflect.Map && r.Type().Key().Kind() == reflect.String:
		m := make(map[string]any, r.Len())
		for each := r.MapRange(); each.Next(); {
			m[each.Key().String()] = each.Value().Interface()
		}
		return m, x.step(1 + len(m))
	}
	return nil, failf(Failed, "a value of this type cannot be used here")
}

// text returns v as it is printed: nothing for null, a text as it is, a list or a map as JSON.
func (x *execution) text(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	p, err := x.plain(v)
	if err != nil || p == nil {
		return "", err
	}
	if s, ok := p.(string); ok {
		return s, nil
	}
	if f, ok := p.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return strconv.FormatFloat(f, 'g', -1, 64), nil
	}
	return x.json(p)
}

// json writes the keys of a map in order and escapes nothing but what JSON must.
func (x *execution) json(v any) (string, error) {
	e := encoder{x: x}
	err := e.json(v, 0)
	return string(e.buf), err
}

// encoder writes into buf, which grows no larger than the result may be.
type encoder struct {
	x         *execution
	buf       []byte
	needsLine bool // the last text of the YAML ends with a line break, which only another line can show
}

func (e *encoder) json(v any, depth int) error {
	p, err := e.open(v, depth)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case []any:
		e.buf = append(e.buf, '[')
		for i, item := range p {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			if err := e.json(item, depth+1); err != nil {
				return err
			}
		}
		e.buf = append(e.buf, ']')
	case map[string]any:
		keys, err := e.x.sortedKeys(p)
		if err != nil {
			return err
		}
		e.buf = append(e.buf, '{')
		for i, key := range keys {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.quote(key)
			e.buf = append(e.buf, ':')
			if err := e.json(p[key], depth+1); err != nil {
				return err
			}
		}
		e.buf = append(e.buf, '}')
	case string:
		e.quote(p)
	default:
		e.scalar(p)
	}
	return e.check()
}

// open begins a value: it checks the bounds before anything is made of it.
func (e *encoder) open(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, failf(TooLarge, "the value is nested more than %d levels deep", maxDepth)
	}
	p, err := e.x.plain(v)
	if err != nil {
		return nil, err
	}
	size := 0
	switch p := p.(type) {
	case string:
		size = len(p)
	case []any:
		size = len(p) // each takes a byte at least
	case map[string]any:
		size = len(p)
	}
	if len(e.buf)+size > e.x.limits.MaxBytes {
		return nil, tooLarge(e.x.limits.MaxBytes)
	}
	return p, e.x.step(1 + size/bytesPerStep)
}

func (e *encoder) check() error {
	if len(e.buf) > e.x.limits.MaxBytes {
		return tooLarge(e.x.limits.MaxBytes)
	}
	return nil
}

func (e *encoder) quote(s string) {
	e.buf, _ = jsontext.AppendQuote(e.buf, strings.ToValidUTF8(s, "\uFFFD"))
}

// scalar writes what looks the same in JSON and YAML.
func (e *encoder) scalar(p any) {
	switch p := p.(type) {
	case nil:
		e.buf = append(e.buf, "null"...)
	case bool:
		e.buf = strconv.AppendBool(e.buf, p)
	case int64:
		e.buf = strconv.AppendInt(e.buf, p, 10)
	case decimal:
		e.buf = append(e.buf, p...)
	case float64:
		e.buf = jsontext.AppendFloat(e.buf, p, 64) // there is no NaN in JSON: it becomes a text
	}
}
