package config

import (
	"encoding"
	"math"
	"reflect"

	"gopkg.in/yaml.v3"

	"beckon/internal/spend"
	"beckon/internal/units"
)

// scalarName says what a scalar has to be, for an error.
func scalarName(out reflect.Value) string {
	switch out.Interface().(type) {
	case units.Duration:
		return "a duration such as 30s, 5m or 720h"
	case spend.Limit:
		return "an amount of USD such as 5, or tokens such as {tokens: 200000}"
	case spend.Amount:
		return "an amount of USD such as 0.25"
	case units.Bytes:
		return "a size such as 1048576, 512KiB or 1MiB"
	}
	switch out.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "a text"
}

// unquoted is a number or a truth value that a variable gave: within { } YAML wants the quotes around "${N}".
func (d *decoder) unquoted(n *yaml.Node, out reflect.Value) *yaml.Node {
	_, isReference := d.doc.written[n]
	kind := out.Kind()
	if !isReference || n.Style == 0 || kind != reflect.Bool && kind != reflect.Int && kind != reflect.Float64 {
		return n
	}
	plain := &yaml.Node{Kind: n.Kind, Value: n.Value}
	plain.Tag = plain.ShortTag()
	return plain
}

// setScalar returns what is wrong, or nothing.
func setScalar(n *yaml.Node, out reflect.Value) string {
	wrong := "must be " + scalarName(out)
	if text, ok := out.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if text.UnmarshalText([]byte(n.Value)) != nil {
			return wrong
		}
		return ""
	}
	var fits bool
	switch out.Kind() {
	case reflect.String: // a token of digits is a text as well
		out.SetString(n.Value)
		return ""
	case reflect.Bool:
		fits = n.Tag == "!!bool"
	case reflect.Int:
		fits = n.Tag == "!!int"
	case reflect.Float64:
		fits = n.Tag == "!!int" || n.Tag == "!!float"
	}
	if !fits && n.Tag == "!!str" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		return wrong + ", without quotes"
	}
	if !fits || n.Decode(out.Addr().Interface()) != nil {
		return wrong
	}
	if out.Kind() == reflect.Float64 && (math.IsNaN(out.Float()) || math.IsInf(out.Float(), 0)) {
		return wrong
	}
	return ""
}
