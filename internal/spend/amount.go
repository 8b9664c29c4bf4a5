// Package spend has the words for what models cost: amounts, prices, and the limits of budgets.
//
// An Amount is an integer of 1e-9 USD, so that sums are exact. What a price makes of a number of tokens is rounded
// up: what is reserved for a request is never less than what the same request costs.
package spend

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Amount is an amount of money in 1e-9 USD. In JSON and YAML it is a number of USD.
type Amount int64

// USD is one dollar.
const USD Amount = 1e9

const (
	decimals  = 9
	maxAmount = 1_000_000_000 * USD
	maxDigits = 32 // of a written amount
)

var errAmount = errors.New("must be an amount of USD such as 0.25")

// UnmarshalText reads "0.25". What is less than 1e-9 USD is rounded up.
func (a *Amount) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	about, err := strconv.ParseFloat(s, 64)
	if err != nil || len(s) > maxDigits || !(about >= 0) || about > float64(maxAmount/USD) {
		return errAmount
	}
	exact, ok := new(big.Rat).SetString(s)
	if !ok || about != 0 && about < 1e-12 {
		return errAmount
	}
	exact.Mul(exact, big.NewRat(int64(USD), 1))
	whole, rest := new(big.Int).QuoRem(exact.Num(), exact.Denom(), new(big.Int))
	*a = Amount(whole.Int64())
	if rest.Sign() > 0 {
		*a++
	}
	return nil
}

// UnmarshalJSON reads a number.
func (a *Amount) UnmarshalJSON(data []byte) error { return a.UnmarshalText(data) }

// UnmarshalYAML reads a number.
func (a *Amount) UnmarshalYAML(n *yaml.Node) error { return a.UnmarshalText([]byte(n.Value)) }

// MarshalJSON writes a number without an exponent.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.Decimal()), nil }

// MarshalYAML writes the same number.
func (a Amount) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: a.Decimal()}, nil
}

// Float returns the amount in USD.
func (a Amount) Float() float64 { return float64(a) / float64(USD) }

// Decimal writes the amount in USD with as many digits as it has: "0.25".
func (a Amount) Decimal() string {
	sign := ""
	if a < 0 {
		sign, a = "-", -a
	}
	text := fmt.Sprintf("%s%d.%0*d", sign, a/USD, decimals, a%USD)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// String writes the amount for people: "$0.25", with cents at least, and with more digits where it is small.
func (a Amount) String() string {
	text := a.Decimal()
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > 2 && a >= USD { // cents are enough
		text = strconv.FormatFloat(a.Float(), 'f', 2, 64)
		return "$" + text
	}
	return "$" + whole + "." + fraction + strings.Repeat("0", max(2-len(fraction), 0))
}

// plus adds without overflowing.
func (a Amount) plus(b Amount) Amount {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// times returns n times the amount, divided by d and rounded up, without overflowing.
func (a Amount) times(n, d int64) Amount {
	if a <= 0 || n <= 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(a), uint64(n))
	low, carry := bits.Add64(low, uint64(d-1), 0)
	if high += carry; high >= uint64(d) {
		return math.MaxInt64
	}
	quotient, _ := bits.Div64(high, low, uint64(d))
	return Amount(min(quotient, math.MaxInt64))
}
