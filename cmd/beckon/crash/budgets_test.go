package crash_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// A kill -9 between reserve and settle: what was reserved counts as used, nothing stays reserved, and with what is left no more
// is paid than the budget has.
func TestKilledBetweenReserveAndSettle(t *testing.T) {
	t.Parallel()
	const before, after, more = 8, 12, 40
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlant(t, url)
		text, err := os.ReadFile(p.config)
		require.NoError(t, err)
		held := strings.NewReplacer(
			"shutdownGrace: 2s", fmt.Sprintf("shutdownGrace: 2s, budget: {perDay: %g}", 0.001*(before+after)),
			"{id: one, provider: model, model: one,", "{id: one, provider: model, model: one, maxTokens: 100,").Replace(string(text))
		held += fmt.Sprintf("prices: [{model: one, input: 0, output: 10}]\nadmin: {token: %s}\n", budgetAdmin)
		require.NoError(t, os.WriteFile(p.config, []byte(held), 0o600))

		release := p.model.hold("one")
		g := p.start()
		for i := range before {
			require.NotEmpty(t, g.accept("one", fmt.Sprint("before", i)))
			p.model.await(t, "one", fmt.Sprint("before", i))
		}
		require.InDelta(t, 0.001*before, g.budget()["reserved"], 1e-9)
		g.kill()
		release()

		gateways := []*process{p.start()}
		if strings.HasPrefix(url, "postgres") {
			gateways = append(gateways, p.start(), p.start())
		}
		require.Eventually(t, func() bool {
			budget := gateways[0].budget()
			return budget["reserved"] == 0.0 && budget["used"] == 0.001*before
		}, patience, 20*time.Millisecond, "what a dead process had reserved is used")
		var all sync.WaitGroup
		for i := range more {
			all.Go(func() {
				g := gateways[i%len(gateways)]
				status, answer := g.call("POST", "/api/v1/webhooks/ci?agent=one", fmt.Sprintf(`{"prompt":"after%d"}`, i))
				// A busy machine may take longer to record an answer than a call waits: then the run ends a little later.
				late := status == http.StatusServiceUnavailable && answer["code"] == "storage_unavailable"
				if status != http.StatusOK && status != http.StatusPaymentRequired && !late {
					t.Errorf("status %d: %v", status, answer)
				}
			})
		}
		all.Wait()
		p.model.mu.Lock()
		asked := len(p.model.asked)
		p.model.mu.Unlock()
		require.Equal(t, before+after, asked)
		require.Eventually(t, func() bool {
			budget := gateways[0].budget()
			return budget["reserved"] == 0.0 && budget["left"] == 0.0
		}, patience, 20*time.Millisecond)
	})
}

const budgetAdmin = "adm1n"

// budget is what the first budget has.
func (g *process) budget() map[string]any {
	status, answer := g.call("GET", "/api/v1/admin/budgets", "", "Authorization: Bearer "+budgetAdmin)
	require.Equal(g.t, http.StatusOK, status)
	return answer["items"].([]any)[0].(map[string]any)
}
