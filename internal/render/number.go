package render

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// decimal is a number of JSON that neither an int64 nor a float64 can write as it was: 1.10, 1e3, or one of many
// digits. It is printed as it was sent, and is a float64 where somebody computes with it.
type decimal string

// String returns the digits.
func (n decimal) String() string { return string(n) }

func (n decimal) float() float64 {
	f, _ := strconv.ParseFloat(string(n), 64)
	return min(max(f, -math.MaxFloat64), math.MaxFloat64) // 1e999 is valid JSON
}

func decodeNumber(token jsontext.Token) any {
	text := token.String()
	if !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
			return n
		}
	}
	f := decimal(text).float()
	// Zero is false to a template, which a text is not, and what no float64 can hold is a number to nobody.
	if f == 0 || math.Abs(f) == math.MaxFloat64 || string(jsontext.AppendFloat(nil, f, 64)) == text {
		return f
	}
	return decimal(text)
}

// equal is eq: whether the first value is one of the others.
func (x *execution) equal(first any, others ...any) (bool, error) {
	if len(others) == 0 {
		return false, failf(Failed, "eq has too few or too many arguments")
	}
	for _, other := range others {
		same, err := x.same("eq", first, other)
		if same || err != nil {
			return same, err
		}
	}
	return false, nil
}

func (x *execution) notEqual(a, b any) (bool, error) {
	same, err := x.same("ne", a, b)
	return !same, err
}

func (x *execution) same(function string, a, b any) (bool, error) {
	a, b, err := x.comparable(a, b)
	switch {
	case err != nil:
		return false, err
	case a == nil || b == nil:
		return a == nil && b == nil, nil
	}
	if truth, ok := a.(bool); ok {
		if other, ok := b.(bool); ok {
			return truth == other, nil
		}
	}
	order, err := x.order(function, a, b)
	return order == 0, err
}

// compares returns lt, le, gt or ge.
func (x *execution) compares(function string, holds func(order int) bool) func(a, b any) (bool, error) {
	return func(a, b any) (bool, error) {
		a, b, err := x.comparable(a, b)
		if err != nil {
			return false, err
		}
		order, err := x.order(function, a, b)
		return err == nil && holds(order), err
	}
}

// comparable makes both values plain, and both floats where one of them is.
func (x *execution) comparable(a, b any) (any, any, error) {
	a, err := x.plain(a)
	if err != nil {
		return nil, nil, err
	}
	if b, err = x.plain(b); err != nil {
		return nil, nil, err
	}
	if n, ok := a.(decimal); ok {
		a = n.float()
	}
	if n, ok := b.(decimal); ok {
		b = n.float()
	}
	whole, isWhole := a.(int64)
	other, isOther := b.(int64)
	if _, isFloat := b.(float64); isWhole && isFloat {
		a = float64(whole)
	}
	if _, isFloat := a.(float64); isOther && isFloat {
		b = float64(other)
	}
	return a, b, nil
}

// order compares two numbers or two texts.
func (x *execution) order(function string, a, b any) (int, error) {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b), nil
		}
	case float64:
		if b, ok := b.(float64); ok {
			return cmp.Compare(a, b), nil
		}
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b), x.stepBytes(min(len(a), len(b)))
		}
	}
	return 1, failf(Failed, "%s cannot compare values of these types", function)
}
