package redact_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"beckon/internal/redact"
)

func rules(t testing.TB, kinds ...string) *redact.Rules {
	r, err := redact.New(kinds, nil, false, false)
	require.NoError(t, err)
	return r
}

const (
	jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIGlRXl0\nnAo=\n-----END EC PRIVATE KEY-----"
)

func TestWhatIsFound(t *testing.T) {
	for kind, table := range map[string]map[string]string{
		redact.Email: {
			"ada@example.com":                        "[email]",
			"Write to Ada <ada.l+x@mail.example.co>": "Write to Ada <[email]>",
			"mailto:ada@example.com.":                "mailto:[email].",
			"?email=ada%40example.com&x=1":           "?email=[email]&x=1",
			"'ada@example.com'":                      "'[email]'",
			"ünal@bücher.example":                    "[email]",
			"a@b.de, c@d.org;e@f.net":                "[email], [email];[email]",
			"Ada@Example.COM says":                   "[email] says",
			"x@mail.xn--p1ai":                        "[email]",
		},
		redact.Card: {
			"4111111111111111":                   "[card]",
			"4111 1111 1111 1111":                "[card]",
			"4111-1111-1111-1111 exp 12/27":      "[card] exp 12/27",
			"card:5555555555554444,":             "card:[card],",
			"378282246310005":                    "[card]",
			"3782 822463 10005":                  "[card]",
			"6011 1111 1111 1117 123":            "[card] 123",
			"30569309025904 3530111333300000":    "[card] [card]",
			"2223003122003222":                   "[card]",
			"4111\u00a01111\u00a01111\u00a01111": "[card]",
			"4111.1111.1111.1111":                "[card]",
			"n4111111111111111":                  "n[card]",
			"6304000000000000":                   "[card]",
			"4222222222222":                      "[card]",
		},
		redact.IBAN: {
			"DE89370400440532013000":                 "[iban]",
			"IBAN: DE89 3704 0044 0532 0130 00, x":   "IBAN: [iban], x",
			"gb29nwbk60161331926819":                 "[iban]",
			"FR14 2004 1010 0505 0001 3M02 606":      "[iban]",
			"MT84MALT011000012345MTLCAST001S":        "[iban]",
			"(NO93 8601 1117 947)":                   "([iban])",
			"CH93 0076 2011 6238 5295 7 and text on": "[iban] and text on",
		},
		redact.Phone: {
			"+49 30 1234567":                      "[phone]",
			"+49 (0) 170 / 123 45 67":             "[phone]",
			"call +14155552671 now":               "call [phone] now",
			"0049 170 1234567":                    "[phone]",
			"00491701234567":                      "[phone]",
			"(415) 555-2671":                      "[phone]",
			"415-555-2671":                        "[phone]",
			"1-800-555-0199 x":                    "[phone] x",
			"415.555.2671":                        "[phone]",
			"030 1234567":                         "[phone]",
			"0171-1234567":                        "[phone]",
			"(030) 1234567":                       "[phone]",
			"020 7946 0958":                       "[phone]",
			"01 23 45 67 89":                      "[phone]",
			"Tel.: 06131/12345-0":                 "Tel.: [phone]",
			"+44 20 7946 0958, +33 1 23 45 67 89": "[phone], [phone]",
		},
		redact.JWT: {
			jwt:                     "[jwt]",
			"token=" + jwt + "&x=1": "token=[jwt]&x=1",
			`"` + jwt + `"`:         `"[jwt]"`,
			"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0. end": "[jwt] end",
		},
		redact.Key: {
			"sk-proj-abcDEF0123456789abcDEF":                   "[key]",
			"sk-ant-api03-abcdefghij0123456789-AA":             "[key]",
			"OPENAI_API_KEY=sk-abcdefghijklmnopqrst1234567890": "OPENAI_API_KEY=[key]",
			"ghp_0123456789abcdefghijABCDEFGHIJ012345":         "[key]",
			"glpat-abc123DEF456ghi789jk":                       "[key]",
			"xoxb-123456789012-abcdefghij":                     "[key]",
			"AKIAIOSFODNN7EXAMPLE":                             "[key]",
			"AIzaSyA-0123456789abcdefghijklmnopqrstu":          "[key]",
			"sk_live_0123456789abcdefghijklmn":                 "[key]",
			"SG.abcdefghijklmnop.0123456789abcdefghijk":        "[key]",
			"hf_abcdefghijklmnopqrstuvwxyz0123":                "[key]",
			"mgc_0123456789abcdefABCDEF":                       "[key]",
			"123456789:AAE0123456789abcdefghijklmnopqrstuv":    "[key]",
			"Authorization: Bearer abcdef0123456789abcdef":     "Authorization: Bearer [key]",
			"authorization: basic dXNlcjpwYXNzd29yZA==":        "authorization: basic [key]",
			"a " + pem + " b":                                  "a [key] b",
			"-----BEGIN PRIVATE KEY-----\nMHcCAQEEIIGlRXl0":    "[key]",
			strings.ReplaceAll(pem, "\n", `\n`):                "[key]",
		},
	} {
		r := rules(t, kind)
		for text, want := range table {
			require.Equal(t, want, r.Text(text), "%s: %q", kind, text)
			require.Equal(t, want, r.Text(want), "%s: what was blacked out once: %q", kind, want)
		}
	}
}

func TestWhatIsLeft(t *testing.T) {
	for kind, list := range map[string][]string{
		redact.Email: {"user@localhost", "pkg@1.2.3", "@types/node", "icon@2x.png", "a @ b.de", "@ada", "foo@", "ada@example..com", "50 % of 40", "@@@"},
		redact.Card: {"4111111111111112", "1700000000000", "1234567890123456", "41111111111111111111", "0000000000000000", "4111 1111 1111", "2026-02-18 12:00:00",
			"0.4111111111111111", "9999 9999 9999 9995", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "550e8400-e29b-41d4-a716-446655440000"},
		redact.IBAN: {"DE89370400440532013001", "XX89370400440532013000", "DE8937040044053201300", "DE893704004405320130000", "run_01DE89370400440532013000", "AB12"},
		redact.Phone: {"2026-02-18", "01.02.2026 12", "192.168.100.200", "12:30:45", "1700000000000", "1234567890", "v1.2.3.4567890", "3.14159265", "ISBN 978-3-16-148410-0",
			"550e8400-e29b-41d4-a716-446655440000", "order 4711-0815", "100 200 3000", "+1 point", "1,234,567", "run_01J00000000000000000000000", "4111 1111 1111 1111", "-12345678", "2026-02-18T12:00:00.000+01:00"},
		redact.JWT: {"eyJ", "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9.short.x", "xeyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc"},
		redact.Key: {"sk-", "sk-learn", "task-0123456789abcdefghijklmnop", "the bearer of good news arrives", "Bearer token", "Basic authentication-is-enough", "desk-abcdefghijklmnopqrstuvwxyz1",
			"sk-some-words-that-are-joined-by-dashes-and-nothing-else-at-all", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "AKIA", "hf_x", "key-value-pairs-are-what-this-is-about-x"},
	} {
		for _, text := range list {
			require.Equal(t, text, rules(t, kind).Text(text), kind)
		}
	}
}

// A run's output may be data, which has to stay that.
func TestJSONStaysJSON(t *testing.T) {
	r := rules(t, redact.Kinds()...)
	for text, want := range map[string]string{
		`{"card": 4111111111111111, "n": 12}`:                         `{"card": "[card]", "n": 12}`,
		`{"a":"x\nada@example.com\u0021"}`:                            `{"a":"x\n[email]!"}`,
		`{"a":"ada\u0040example.com"}`:                                `{"a":"[email]"}`,
		` [ "no", 1.50, null , {"ada@example.com":true}]`:             ` [ "no", 1.50, null , {"[email]":true}]`,
		`{"Message":"{\"card\":4111111111111111,\"t\":\"\\u0041\"}"}`: `{"Message":"{\"card\":\"[card]\",\"t\":\"\\u0041\"}"}`,
		`{"a":"untouched \u00e9\/"}`:                                  `{"a":"untouched \u00e9\/"}`,
		`{"key":` + string(mustQuote(pem)) + `}`:                      `{"key":"[key]"}`,
		`{broken ada@example.com`:                                     `{broken [email]`,
	} {
		require.Equal(t, want, r.Text(text))
	}
	require.Equal(t, `{"mail":"[email]"}`, string(r.JSON(json.RawMessage(`{"mail":"ada@example.com"}`))))
	require.Nil(t, r.JSON(nil))
}

func mustQuote(text string) []byte {
	quoted, _ := json.Marshal(text)
	return quoted
}

func TestRules(t *testing.T) {
	var none *redact.Rules
	require.Equal(t, "ada@example.com", none.Text("ada@example.com"))
	require.False(t, none.Discarding())
	require.Empty(t, none.String())
	none, err := redact.New(nil, nil, true, false)
	require.NoError(t, err)
	require.Nil(t, none)

	r, err := redact.New([]string{redact.Email}, []string{`\bACME-\d+\b`, `(?i)secret`}, true, true)
	require.NoError(t, err)
	require.Equal(t, "[redacted] [email] XACME-1 [redacted]s", r.Text("ACME-12 ada@example.com XACME-1 SECRETs"))
	again, err := redact.Read(r.String())
	require.NoError(t, err)
	require.Equal(t, r.String(), again.String())
	require.Equal(t, "[redacted]", again.Text("ACME-1"))
	require.True(t, again.Model && again.Discarding())
	_, err = redact.Read(`{"kinds":["mail"]}`)
	require.ErrorContains(t, err, "must be one of email, phone")

	for pattern, why := range map[string]string{`(`: "is no regular expression", `a*`: "matches the empty text", strings.Repeat("a", 600): "512 are allowed"} {
		_, err := redact.New(nil, []string{pattern}, false, false)
		require.ErrorContains(t, err, why)
	}
	_, err = redact.New(nil, make([]string, 17), false, false)
	require.ErrorContains(t, err, "16 are allowed")
}

// Texts that look like the beginning of something again and again are what makes a scanner slow. One that is quadratic would take hours.
func TestTimeGrowsWithTheLength(t *testing.T) {
	const size = 16 << 20
	begun := time.Now()
	r := rules(t, redact.Kinds()...)
	for _, piece := range []string{"@", "a@", "ada@example.", "4", "4111 ", "1111-", "+", "+1 ", "(0", "0 1/", "DE89", "de89 3704 ", "eyJ", "eyJaaaaaaaa.", "eyJaaaaaaaa.bbbbbbbbbb",
		"sk-", "sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-", "bearer ", "bearer aaaaaaaaaaaaaaaaaaaaaaaaaaa ", "-----BEGIN PRIVATE KEY-----!", "-----BEGIN ", "12345678:AA", "%40", "a", " ", "\"", "{", "\\"} {
		text := strings.Repeat(piece, size/len(piece)/16) // of which a quadratic one still takes many minutes
		require.NotEmpty(t, r.Text(text))
		require.NotEmpty(t, r.Text(`["`+strings.NewReplacer(`"`, ``, `\`, ``).Replace(text)+`"]`))
	}
	require.NotEmpty(t, r.Text(strings.Repeat("Ada pays with 4111 1111 1111 1111. ", size/35)))
	require.Less(t, time.Since(begun), 5*time.Minute)
}

// A pattern of RE2 may still read all that is left of a text for each letter that it finds: then nothing of the text is kept.
func TestSlowPatternsKeepNothing(t *testing.T) {
	redact.SetPatternTime(t, 50*time.Millisecond)
	r, err := redact.New(nil, []string{`(?s)x.*y|x`}, false, false)
	require.NoError(t, err)
	require.Equal(t, "[redacted]", r.Text(strings.Repeat("x ada@example.com ", 1<<18)))
}

func FuzzText(f *testing.F) {
	for _, text := range []string{"ada@example.com", "4111 1111 1111 1111", "+49 (0) 30 1", `{"a":"\u0040","n":4111111111111111}`, pem, jwt, "Bearer x", "DE89 3704 0044 0532 0130 00"} {
		f.Add(text)
	}
	r := rules(f, redact.Kinds()...)
	f.Fuzz(func(t *testing.T, text string) {
		once := r.Text(text)
		if json.Valid([]byte(text)) && strings.ContainsAny(text, `{["`) && utf8.ValidString(text) {
			require.True(t, json.Valid([]byte(once)), "%q became %q", text, once)
		}
		if utf8.ValidString(text) {
			require.True(t, utf8.ValidString(once), "%q became %q", text, once)
		}
		planted := r.Text(text + "\nplanted@example.com\n4111111111111111\n")
		require.NotContains(t, planted, "planted@", "%q", text)
		require.NotContains(t, planted, "4111111111111111", "%q", text)
	})
}

func TestEscapesOfJSONInOtherText(t *testing.T) {
	rules, err := redact.New([]string{redact.Email, redact.Phone, redact.Card, redact.Key}, []string{"acme-[0-9]+"}, false, false)
	require.NoError(t, err)
	for text, want := range map[string]string{
		`the body was {"email":"ada@example.com"}`:                      `the body was {"email":"[email]"}`,
		`the body was "{\"email\":\"ada@example.com\"}"`:                `the body was "{\"email\":\"[email]\"}"`,
		`mail ada\u0040example.com now`:                                 `mail [email] now`,
		`mail \u0061da\u0040example\u002ecom now`:                       `mail [email] now`,
		`it said \nada@example.com\nand left`:                           `it said \n[email]\nand left`,
		`in it "{\"a\":\"{\\\"b\\\":\\\"ada\\u0040example.com\\\"}\"}"`: `in it "{\"a\":\"{\\\"b\\\":\\\"[email]\\\"}\"}"`,
		`paid with 4111\u00201111\u00201111\u00201111.`:                 `paid with [card].`,
		`call +49\/30\/1234567`:                                         `call [phone]`,
		`C:\users\ada and \u00e9t\u00e9 \uZZZZ \`:                       `C:\users\ada and \u00e9t\u00e9 \uZZZZ \`,
		`order acme\u002d17`:                                            `order [redacted]`,
	} {
		require.Equal(t, want, rules.Text(text))
		require.Equal(t, want, rules.Text(want), "what was blacked out once stays as it is")
	}
}
