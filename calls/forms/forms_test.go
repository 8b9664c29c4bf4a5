package forms_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls/forms"
	"beckon/internal/units"
)

// A form of the file is declared without a key, and has one that stays the same on every replica.
func TestKeysOfFormsInTheFile(t *testing.T) {
	first, err := forms.KeyOf("key", "contact")
	require.NoError(t, err)
	again, err := forms.KeyOf("key", "contact")
	require.NoError(t, err)
	require.True(t, forms.ValidKey(first))
	require.Equal(t, first, again)
	other, err := forms.KeyOf("key", "other")
	require.NoError(t, err)
	elsewhere, err := forms.KeyOf("another key", "contact")
	require.NoError(t, err)
	require.NotContains(t, []string{other, elsewhere}, first)
	require.True(t, forms.ValidKey(forms.NewKey()))
	for _, bad := range []string{"", "pk_", "pk_short", "mgc_0123456789abcdefghij", "pk_0123456789abcdefghij/../x", "pk_" + strings.Repeat("a", 65)} {
		require.False(t, forms.ValidKey(bad), bad)
	}
}

func TestTypesOfFields(t *testing.T) {
	for name, c := range map[string]struct {
		field    forms.Field
		good, no []string
	}{
		"text":     {forms.Field{Min: 2, Max: 5}, []string{"ab", "äöüßé", "a\nb", ""}, []string{"a", "abcdef", "a\x00b", "\xff\xfe"}},
		"email":    {forms.Field{Type: forms.Email}, []string{"ada@example.com", "a.b+c@sub.example.co", "ädä@exämple.de", " ada@example.com "}, []string{"ada", "ada@localhost", "Ada <ada@example.com>", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com", "@example.com", "\"a b\"@example.com", strings.Repeat("a", 250) + "@example.com"}},
		"url":      {forms.Field{Type: forms.URL}, []string{"https://example.com/x?y=1#z", "http://example.com"}, []string{"example.com", "javascript:alert(1)", "//example.com", "https://user@example.com/", "https://exa mple.com"}},
		"tel":      {forms.Field{Type: forms.Tel}, []string{"+49 (30) 123-456", "112"}, []string{"12", "call me", strings.Repeat("1", 21)}},
		"number":   {forms.Field{Type: forms.Number, Min: 1, Max: 10}, []string{"1", "10", "2.5"}, []string{"0", "11", "x", "NaN", "Inf", "0x1p4", "1e400", "1_0"}},
		"date":     {forms.Field{Type: forms.Date}, []string{"2026-02-28"}, []string{"2026-02-30", "28.02.2026"}},
		"choice":   {forms.Field{Type: forms.Choice, Options: []string{"s", "m"}}, []string{"s", "m"}, []string{"l", "S"}},
		"required": {forms.Field{Required: true}, []string{"x"}, []string{"", " \n "}},
		"file":     {forms.Field{Type: forms.File}, []string{""}, []string{"no file"}},
	} {
		form := forms.Form{Fields: map[string]forms.Field{"f": c.field}}
		for _, value := range c.good {
			_, wrong := form.Read([]forms.Value{{Name: "f", Text: value}}, form.WordsFor(""))
			require.Empty(t, wrong, "%s %q", name, value)
		}
		for _, value := range c.no {
			_, wrong := form.Read([]forms.Value{{Name: "f", Text: value}}, form.WordsFor(""))
			require.NotEmpty(t, wrong, "%s %q", name, value)
		}
	}
}

func TestListsAndCheckboxes(t *testing.T) {
	form := forms.Form{Fields: map[string]forms.Field{"one": {}, "many": {Type: forms.Choice, Options: []string{"a", "b"}, Multiple: true}, "yes": {Type: forms.Checkbox}, "no": {Type: forms.Checkbox}}}
	s, wrong := form.Read([]forms.Value{{Name: "many", Text: "a"}, {Name: "many", Text: "b"}, {Name: "yes", Text: "on"}, {Name: "other", Text: "x"}}, form.WordsFor(""))
	require.Empty(t, wrong)
	text, err := s.JSON()
	require.NoError(t, err)
	require.JSONEq(t, `{"one":"","many":["a","b"],"yes":true,"no":false}`, string(text))
	_, wrong = form.Read([]forms.Value{{Name: "one", Text: "a"}, {Name: "one", Text: "b"}}, form.WordsFor(""))
	require.Len(t, wrong, 1)
}

// Each language says everything, with the same places for numbers.
func TestLanguagesAreComplete(t *testing.T) {
	form := forms.Form{Fields: map[string]forms.Field{"f": {Max: 3}, "n": {Type: forms.Number, Min: 5}, "e": {Type: forms.Email}}}
	said := map[string]bool{}
	for _, language := range forms.Languages() {
		words := form.WordsFor(language)
		require.Equal(t, language, words.Language)
		_, wrong := form.Read([]forms.Value{{Name: "f", Text: "abcd"}, {Name: "n", Text: "4"}, {Name: "e", Text: "x"}}, words)
		require.Len(t, wrong, 3)
		require.Contains(t, wrong[1].Message, "3")
		require.Contains(t, wrong[2].Message, "5")
		require.NotContains(t, fmt.Sprint(wrong), "%")
		require.Equal(t, forms.English().Messages(), words.Messages(), language)
		for _, w := range wrong {
			require.False(t, said[w.Message], "%s is in two languages", w.Message)
			said[w.Message] = true
		}
	}
}

func TestAddressesAreCounted(t *testing.T) {
	var a forms.Addresses
	rate, now := forms.Rate{Requests: 3, Per: units.Duration(time.Minute)}, time.Now()
	take := func(address string, after time.Duration) time.Duration { return a.Take(address, rate, now.Add(after)) }
	for range 3 {
		require.Zero(t, take("192.0.2.1", 0))
	}
	require.Equal(t, 20*time.Second, take("192.0.2.1", 0))
	require.Equal(t, 5*time.Second, take("::ffff:192.0.2.1", 15*time.Second), "the same address")
	require.Zero(t, take("192.0.2.2", 0))
	require.Zero(t, take("192.0.2.1", 20*time.Second))
	require.NotZero(t, take("192.0.2.1", 20*time.Second))
	for i := range 3 {
		require.Zero(t, take(fmt.Sprintf("2001:db8::%x%%eth0", i), 0))
	}
	require.NotZero(t, take("2001:db8::ffff:1", 0), "the same network")
	require.Zero(t, take("2001:db8:0:1::1", 0))
	require.Zero(t, take("", 0))
}

func TestAddressesAreBounded(t *testing.T) {
	var a forms.Addresses
	rate, now := forms.Rate{Requests: 1, Per: units.Duration(time.Hour)}, time.Now()
	require.Zero(t, a.Take("192.0.2.1", rate, now))
	for i := range 100_000 {
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		require.Zero(t, a.Take(address.String(), rate, now))
		require.NotZero(t, a.Take(address.String(), rate, now), "it is remembered")
	}
	require.LessOrEqual(t, a.Len(), 40_000)
}

func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{"//evil.example", `/\evil.example`, "https://acme.example/x", "/x", "https:evil.example", "https://acme.example:443@evil.example/", "\thttps://evil.example"} {
		f.Add(seed)
	}
	form := forms.Form{Origins: []string{"https://acme.example"}}
	f.Fuzz(func(t *testing.T, wanted string) {
		to := form.RedirectTo(wanted, http.Header{"Origin": {"https://acme.example"}})
		if to == "" {
			return
		}
		require.False(t, strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == '\\' }), to)
		u, err := url.Parse(to)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme, to)
		require.Nil(t, u.User, to)
		require.Contains(t, []string{"acme.example", "acme.example:", "acme.example:443"}, strings.ToLower(u.Host), to)
	})
}
