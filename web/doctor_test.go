package web_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/gateway/gatewaytest"
	"beckon/internal/doctor"
	"beckon/internal/store/storetest"
	"beckon/web"
)

// newDoctor is a browser that is signed in at a site whose checks are examine.
func newDoctor(t *testing.T, examine func(ctx context.Context, network bool) []doctor.Finding) *browser {
	s := siteOn(t, storetest.Open(t, storetest.Default(t)))
	s.serve(func(c *web.Config) {
		c.Backend = &web.Backend{Examine: examine, Refused: &records{}, Settings: &records{}, Editor: gatewaytest.Editor(t, s.store, gatewaytest.Setup{})}
	})
	return s.signedIn()
}

func someFindings(_ context.Context, network bool) []doctor.Finding {
	list := []doctor.Finding{
		{Check: "database", Status: doctor.Good, Says: "It can be read, and is at version 41."},
		{Check: "disk", Status: doctor.Warning, Says: "/srv has 12 MB left.", Todo: "Free some space."},
		{Check: hostile, Status: doctor.Bad, Says: hostile, Todo: hostile},
		{Check: "provider openai", Status: doctor.Skipped, Says: "It would reach another host."},
	}
	if network {
		list[3] = doctor.Finding{Check: "provider openai", Status: doctor.Good, Says: "It has 3 models."}
	}
	return list
}

func TestTheDoctorLooksTheSame(t *testing.T) {
	b := newDoctor(t, someFindings)
	for name, path := range map[string]string{"doctor": "/admin/doctor", "doctor-local": "/admin/doctor?checks=local", "doctor-all": "/admin/doctor?checks=all"} {
		t.Run(name, func(t *testing.T) {
			page := b.get(path)
			require.Equal(t, http.StatusOK, page.StatusCode)
			require.NotContains(t, page.body, "<script>alert")
			golden(t, name, page.body)
		})
	}
}

// The checks run when somebody asks for them, who is logged in, and once at a time.
func TestTheDoctorExaminesOnDemand(t *testing.T) {
	begun, end := make(chan bool, 3), make(chan struct{})
	b := newDoctor(t, func(ctx context.Context, network bool) []doctor.Finding {
		begun <- network
		<-end
		return someFindings(ctx, network)
	})
	for _, path := range []string{"/admin/doctor", "/admin/doctor?checks=", "/admin/doctor?checks=nonsense", "/admin", "/admin/search?q=doctor"} {
		require.Equal(t, http.StatusOK, b.get(path).StatusCode)
	}
	require.Empty(t, begun)
	require.Contains(t, b.get("/admin/search?q=doctor").body, `href="/admin/doctor"`)

	first := make(chan answer, 1)
	go func() { first <- b.get("/admin/doctor?checks=all") }()
	require.True(t, <-begun)
	require.Contains(t, b.get("/admin/doctor?checks=all").body, "The checks are running already.")
	close(end)
	require.Contains(t, (<-first).body, "It has 3 models.")
	require.Contains(t, b.get("/admin/doctor?checks=local").body, "1 problem, 1 warning")
	require.False(t, <-begun)

	stranger := b.site.browser()
	require.Equal(t, "/admin/login?next=%2Fadmin%2Fdoctor%3Fchecks%3Dall", stranger.get("/admin/doctor?checks=all").Header.Get("Location"))
	require.Empty(t, begun)
}
