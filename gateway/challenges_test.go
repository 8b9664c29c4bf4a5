package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/calls/forms"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

const challengesFile = `
database: {url: %q}
egress: {allowPrivate: [%s]}
providers: [{id: says, type: template, template: "done"}]
agents: [{id: a, provider: says}]
`

// Solutions are verified at their vendors by the gateway's own way out: as the vendors' documentation says, and guarded.
func TestVendorsVerifyChallenges(t *testing.T) {
	asked := make(chan url.Values, 1)
	answer := func(w http.ResponseWriter, good bool) {
		_, _ = fmt.Fprintf(w, `{"success":%t,"error-codes":["invalid-input-response"]}`, good)
	}
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, err := url.ParseQuery(string(body))
		if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		asked <- form
		switch form.Get("response") {
		case "broken":
			_, _ = io.WriteString(w, "<html>")
		case "busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "elsewhere":
			http.Redirect(w, r, "http://203.0.113.1/", http.StatusTemporaryRedirect)
		default:
			answer(w, form.Get("response") == "good")
		}
	}))
	t.Cleanup(vendor.Close)
	for _, challenge := range []string{forms.Turnstile, forms.HCaptcha} {
		t.Run(challenge, func(t *testing.T) {
			s := start(t, load(t, fmt.Sprintf(challengesFile, sqliteIn(t.TempDir()), `"127.0.0.0/8"`)))
			challenges := s.newChallenges(func() (secret.String, error) { return "key", nil })
			challenges.Siteverify = map[string]string{challenge: vendor.URL + "/siteverify"}
			form := forms.Form{Challenge: challenge, Secret: "0x-vendor-secret", SiteKey: "site-1"}
			for solution, code := range map[string]string{"good": "", "bad": problem.CodeChallengeFailed, "broken": problem.CodeChallengeUnavailable,
				"busy": problem.CodeChallengeUnavailable, "elsewhere": problem.CodeChallengeUnavailable} {
				err := challenges.Use(t.Context(), form, "contact", solution, "192.0.2.7")
				sent := <-asked
				require.Equal(t, []string{"0x-vendor-secret", solution, "192.0.2.7"}, []string{sent.Get("secret"), sent.Get("response"), sent.Get("remoteip")})
				require.Equal(t, challenge == forms.HCaptcha, sent.Get("sitekey") == "site-1")
				if code == "" {
					require.NoError(t, err)
					continue
				}
				require.Equal(t, code, problem.Of(err).Code, solution)
				require.NotContains(t, fmt.Sprint(err), "0x-vendor-secret")
			}
		})
	}
	guarded := start(t, load(t, fmt.Sprintf(challengesFile, sqliteIn(t.TempDir()), "")))
	challenges := guarded.newChallenges(nil)
	challenges.Siteverify = map[string]string{forms.Turnstile: vendor.URL}
	err := challenges.Use(t.Context(), forms.Form{Challenge: forms.Turnstile, Secret: "x"}, "contact", "good", "")
	require.Equal(t, problem.CodeChallengeUnavailable, problem.Of(err).Code, "a private address is not asked")
	require.Empty(t, asked)
}
