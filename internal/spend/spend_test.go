package spend

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

func TestAmounts(t *testing.T) {
	for text, want := range map[string]Amount{"0": 0, "5": 5 * USD, "0.25": USD / 4, "0.000000001": 1, "0.0000000011": 2, "1e-3": USD / 1000, "1e6": 1e6 * USD} {
		var a Amount
		require.NoError(t, json.Unmarshal([]byte(text), &a), text)
		require.Equal(t, want, a, text)
		written, err := json.Marshal(a)
		require.NoError(t, err)
		var again Amount
		require.NoError(t, yaml.Unmarshal(written, &again))
		require.Equal(t, a, again, text)
	}
	for _, text := range []string{`-1`, `"x"`, `1e300`, `1e-300`, `NaN`, `Inf`, `1e10`, ``} {
		require.Error(t, new(Amount).UnmarshalText([]byte(text)), text)
	}
	require.Equal(t, []string{"$5.00", "$0.25", "$0.000812", "$1234.57", "$0.00"},
		[]string{(5 * USD).String(), (USD / 4).String(), Amount(812_000).String(), Amount(1234_567_000_000).String(), Amount(0).String()})
	require.Equal(t, Amount(math.MaxInt64), Amount(math.MaxInt64).times(math.MaxInt64, 1), "it does not overflow")
	require.Equal(t, Amount(1), Amount(1).times(1, million), "it rounds up")
}

func priced(t *testing.T, text string) Price {
	t.Helper()
	var p Price
	require.NoError(t, yaml.Unmarshal([]byte(text), &p))
	return p
}

func TestCost(t *testing.T) {
	mini := priced(t, `{model: m, input: 0.25, cachedInput: 0.025, output: 2}`)
	cost, ok := mini.Cost(Use{Input: 1000, CachedInput: 400, Output: 100})
	require.True(t, ok)
	require.Equal(t, Amount(600*250+400*25+100*2000), cost)
	most, ok := mini.Most(Use{Input: 1000, CachedInput: 400, Output: 100})
	require.True(t, ok)
	require.Equal(t, Amount(1000*250+100*2000), most)
	written := priced(t, `{model: m, input: 4, cacheWrite: 5, output: 1}`)
	most, _ = written.Most(Use{Input: 10})
	require.Equal(t, Amount(50_000), most, "all of it may be written to the cache")

	_, ok = mini.Cost(Use{Images: 1})
	require.False(t, ok, "an image has no price")
	media := priced(t, `{model: m, image: 0.04, minute: 0.006}`)
	cost, ok = media.Cost(Use{Images: 2, Milliseconds: 90_000})
	require.True(t, ok)
	require.Equal(t, 2*USD/25+9*USD/1000, cost)

	_, ok = media.Cost(Use{Images: 1, Input: 40})
	require.True(t, ok, "the image has a price, and so its prompt needs none")
	tokens := priced(t, `{model: m, input: 10, output: 40}`)
	cost, ok = tokens.Cost(Use{Images: 1, Input: 10, Output: 1000})
	require.True(t, ok, "an image is paid by its tokens")
	require.Equal(t, Amount(10*10_000+1000*40_000), cost)

	for _, left := range []Amount{1, 1999, 2000, 2001, 4000, 123_456_789} {
		n := mini.OutputFor(left)
		cost, _ := mini.Cost(Use{Output: n})
		require.LessOrEqual(t, cost, left)
		more, _ := mini.Cost(Use{Output: n + 1})
		require.Greater(t, more, left, "as much as it pays for")
	}
}

func TestTheLongestNameWins(t *testing.T) {
	prices := NewPrices([]Price{priced(t, `{model: "gpt*", input: 1}`), priced(t, `{model: "gpt-5*", input: 2}`), priced(t, `{model: gpt-5-mini, input: 3}`),
		priced(t, `{model: "llama*", input: 0, output: 0}`), priced(t, `{model: "acme/gpt-5-nano", input: 9}`)})
	for model, want := range map[string]Amount{"gpt-4": USD, "gpt-5": 2 * USD, "gpt-5-mini": 3 * USD, "gpt-5-mini-2025-08-07": 2 * USD, "llama3.2": 0,
		"openai/gpt-5-mini": 3 * USD, "acme/gpt-5-nano": 9 * USD, "claude-3-5-haiku-20241022": 800_000_000, "claude-3-5-haiku-latest": 800_000_000,
		"models/gemini-2.0-flash-001": USD / 10, "mistral-large-latest": 2 * USD} {
		p := prices.Of(model)
		require.NotNil(t, p, model)
		require.Equal(t, want, *p.Input, model)
	}
	for _, model := range []string{"qwen3", "", "gemini-9-ultra"} {
		require.Nil(t, prices.Of(model), model)
	}
	require.Nil(t, NewPrices(nil).Of("gpt-4o-audio-preview"), "a model is not another one because its name begins alike")
	require.Nil(t, (*Prices)(nil).Of("gpt-5"))
}

func TestTheShippedPricesAreWellFormed(t *testing.T) {
	var file struct {
		Prices []Price `yaml:"prices"`
	}
	require.NoError(t, yaml.Unmarshal(shippedText, &file))
	require.Greater(t, len(file.Prices), 50)
	require.Empty(t, Check(file.Prices))
}

func TestCheckFindsWhatIsWrongWithPrices(t *testing.T) {
	found := Check([]Price{{}, priced(t, `{model: "a*b", input: 1}`), priced(t, `{model: x, input: 1}`), priced(t, `{model: x, input: 1}`)})
	var paths []string
	for _, f := range found {
		paths = append(paths, f.Path)
	}
	require.Equal(t, []string{"[0].model", "[0]", "[1].model", "[3].model"}, paths)
}

func TestLimits(t *testing.T) {
	var b Budget
	require.NoError(t, json.Unmarshal([]byte(`{"perRun":0.2,"perDay":{"tokens":200000}}`), &b))
	require.Equal(t, Budget{PerRun: &Limit{Most: int64(USD / 5)}, PerDay: &Limit{Most: 200_000, InTokens: true}}, b)
	require.True(t, b.IsSet())
	require.True(t, b.HasUSD())
	require.Empty(t, b.Check())
	for _, written := range [][]byte{must(json.Marshal(b)), must(yaml.Marshal(b))} {
		var again Budget
		require.NoError(t, yaml.Unmarshal(written, &again))
		require.Equal(t, b, again)
	}
	require.Error(t, json.Unmarshal([]byte(`{"perRun":{"token":1}}`), &b))
	require.Error(t, json.Unmarshal([]byte(`{"perRun":{"tokens":1,"more":2}}`), &b))
	require.Len(t, (&Budget{PerDay: &Limit{}}).Check(), 1)
	require.False(t, (*Budget)(nil).IsSet())
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}
