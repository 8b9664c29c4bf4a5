package render

import (
	"iter"
	"reflect"
)

// index is text/template's, but strict: what isn't there is an error, as it is for a field. Only in a map that holds
// nothing but texts, such as headers, a missing one is the empty text.
func (x *execution) index(item any, keys ...any) (any, error) {
	for _, key := range keys {
		found, ok, err := x.at(item, key)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, x.notThere(key)
		}
		item = found
	}
	return item, nil
}

// lookup is index, or a chain of fields, for a value that may be missing.
func (x *execution) lookup(item any, keys ...any) (any, error) {
	for _, key := range keys {
		found, ok, err := x.at(item, key)
		if err != nil || !ok {
			return nil, err
		}
		item = found
	}
	return item, nil
}

// notThere names the key only where the template wrote it: otherwise it comes from the data.
func (x *execution) notThere(key any) error {
	if s, ok := key.(string); ok && x.literals[s] {
		return missing(s)
	}
	return failf(MissingKey, "index finds nothing there (write … | default \"…\" where it may be missing)")
}

// at returns the element of a map or list. A scalar has none.
func (x *execution) at(item, key any) (found any, ok bool, err error) {
	switch m := item.(type) {
	case Unknown:
		return m, true, nil
	case map[string]any:
		if name, isString := key.(string); isString {
			found, ok = m[name]
			return found, ok, nil
		}
		return nil, false, failf(Failed, "index needs a text as the key of a map")
	case map[string]string:
		if name, isString := key.(string); isString {
			return m[name], true, nil
		}
	}
	p, err := x.plain(item)
	if err != nil {
		return nil, false, err
	}
	switch p := p.(type) {
	case map[string]any:
		if _, again := item.(map[string]any); !again {
			return x.at(p, key)
		}
	case []any:
		n, isNumber := asInt(key)
		if _, isString := key.(string); !isNumber && !isString {
			return nil, false, failf(Failed, "index needs a number to index a list")
		}
		if isNumber && n >= 0 && n < int64(len(p)) {
			return p[n], true, nil
		}
	}
	return nil, false, nil
}

func asInt(v any) (int64, bool) {
	switch r := reflect.ValueOf(v); {
	case r.IsValid() && r.CanInt():
		return r.Int(), true
	default:
		return 0, false
	}
}

// eachValue is what {{range V}} and {{range $v := V}} loop over.
func (x *execution) eachValue(v any) (any, error) {
	if u, ok := v.(Unknown); ok {
		return []any{u}, nil
	}
	p, err := x.plain(v)
	if err != nil {
		return nil, err
	}
	switch p := p.(type) {
	case nil, int64, []any:
		return p, nil
	case map[string]any:
		keys, err := x.sortedKeys(p)
		values := make([]any, len(keys))
		for i, key := range keys {
			values[i] = p[key]
		}
		return values, err
	}
	return nil, failf(Failed, "range needs a list, a map or a number")
}

// eachPair is what {{range $k, $v := V}} loops over.
func (x *execution) eachPair(v any) (any, error) {
	if _, ok := v.(Unknown); ok { // as a list it would have numbers for keys, as a map texts
		return nil, nil
	}
	p, err := x.plain(v)
	if err != nil {
		return nil, err
	}
	switch p := p.(type) {
	case nil, []any:
		return p, nil
	case map[string]any:
		keys, err := x.sortedKeys(p)
		return iter.Seq2[string, any](func(yield func(string, any) bool) {
			for _, key := range keys {
				if !yield(key, p[key]) {
					return
				}
			}
		}), err
	}
	return nil, failf(Failed, "range with two variables needs a list or a map")
}
