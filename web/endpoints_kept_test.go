package web_test

import (
	"html"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
)

// What a form shows as kept comes back as what is kept.
func TestTheKeyInTheURLOfAnEndpointStays(t *testing.T) {
	r := newTraffic(t)
	const address = "https://203.0.113.7/hook?t="
	r.endpoint(deliveries.Endpoint{ID: "ops", URL: address + "s3cret"})
	page := r.get("/admin/endpoints/ops").body
	require.NotContains(t, page, "s3cret")
	require.Contains(t, html.UnescapeString(page), `value="`+address+`•••"`)
	require.Equal(t, http.StatusSeeOther, r.post("/admin/endpoints/ops", endpointForm("version", "1", "url", address+"•••", "name", "Ops")).StatusCode)
	e, _ := r.kept("ops")
	require.Equal(t, []string{"Ops", address + "s3cret"}, []string{e.Name, e.URL})
}

// A form that is saved for something else does not enable an endpoint; its box does.
func TestTheFormOfADisabledEndpoint(t *testing.T) {
	r := newTraffic(t)
	r.endpoint(deliveries.Endpoint{ID: "ops", URL: "https://203.0.113.7/hook"})
	require.NoError(t, r.deliveries.Disable(t.Context(), "ops"))
	disabled := func() bool {
		h, err := r.deliveries.Health(t.Context(), "ops")
		require.NoError(t, err)
		return !h.DisabledAt.IsZero()
	}
	ticked := func() bool {
		return regexp.MustCompile(`<input[^>]* name="enabled"[^>]* checked`).MatchString(r.get("/admin/endpoints/ops").body)
	}
	save := func(changes ...string) int {
		_, version := r.kept("ops")
		return r.post("/admin/endpoints/ops", endpointForm(append([]string{"version", strconv.FormatInt(version, 10)}, changes...)...)).StatusCode
	}
	require.False(t, ticked())
	require.Equal(t, http.StatusSeeOther, save("enabled", "", "name", "Ops"))
	require.True(t, disabled())
	require.Equal(t, http.StatusSeeOther, save("enabled", "true"))
	require.False(t, disabled())
	require.True(t, ticked())
}
