package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestAddressesThatNoDatabaseTakes(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newAdminGateway(t, setting{store: s})
		for path, status := range map[string]int{
			"/api/v1/runs/%00":                   400,
			"/api/v1/runs/%ff/events":            400,
			"/api/v1/runs?agent=%ff":             400,
			"/api/v1/runs?cursor=%00":            400,
			"/api/v1/runs?agent=\xff":            400,
			"/api/v1/runs?%00=1":                 400,
			"/api/v1/runs?agent=%C3%BC":          200,
			"/api/v1/admin/audit?id=%00":         400,
			"/api/v1/admin/runs?client=a%00":     400,
			"/api/v1/admin/clients/%00":          400,
			"/api/v1/admin/deliveries/%fe":       400,
			"/api/v1/admin/deliveries?run=%fe":   400,
			"/api/v1/admin/audit?section=x%20y":  200,
			"/api/v1/admin/stats?since=%00":      400,
			"/api/v1/admin/endpoints/%80?dry=%0": 400,
		} {
			r := g.request(path, "")
			r.Method = http.MethodGet
			r.Header.Set("Authorization", "Bearer t0ken-of-file")
			if strings.HasPrefix(path, "/api/v1/admin") {
				r.Header.Set("Authorization", "Bearer "+adminToken)
			}
			a := g.do(r)
			require.Equal(t, status, a.StatusCode, path+a.body)
			if status == 400 {
				requireProblem(t, a, "invalid_parameter")
			}
		}
	})
}
