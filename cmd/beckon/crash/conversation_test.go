package crash_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// A kill -9 at any moment, while many callers talk in two sessions: each run that has completed is one turn, no turn is there twice, and
// the runs of a session have begun one after the other.
func TestKilledInAConversation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlant(t, url)
		text, err := os.ReadFile(p.config)
		require.NoError(t, err)
		talking := strings.NewReplacer("{id: one-retried, provider: model,", "{id: one-retried, provider: model, session: {window: 5},",
			"{id: two, provider: model,", "{id: two, provider: model, session: {window: 5},").Replace(string(text))
		require.NoError(t, os.WriteFile(p.config, []byte(talking), 0o600))
		sessions := map[string]string{"alone": "one-retried", "flow": "relay"}
		var (
			mu       sync.Mutex
			accepted = map[string]map[string]bool{"alone": {}, "flow": {}} // runs by session
			total    = func() int { mu.Lock(); defer mu.Unlock(); return len(accepted["alone"]) + len(accepted["flow"]) }
		)
		for round := range 3 {
			g := p.start()
			var callers sync.WaitGroup
			before := total()
			for session, agent := range sessions {
				for c := range 3 {
					callers.Go(func() {
						for i := 0; ; i++ {
							status, answer := g.call("POST", "/api/v1/runs", fmt.Sprintf(`{"agent":%q,"sessionId":%q,"prompt":"%d.%d.%d"}`, agent, session, round, c, i), "Prefer: wait="+fmt.Sprint(i%2))
							if status == 0 {
								return // the gateway is gone
							}
							if id, _ := answer["runId"].(string); id != "" {
								mu.Lock()
								accepted[session][id] = true
								mu.Unlock()
							}
						}
					})
				}
			}
			enough := before + 20 + rand.IntN(40)
			require.Eventually(t, func() bool { return total() >= enough }, patience, time.Millisecond)
			g.kill()
			callers.Wait()
		}
		g := p.start()
		requireNothingOpen(t, g)
		for session, agent := range sessions {
			completed, known := map[string]bool{}, map[string]bool{}
			for cursor := ""; ; {
				_, page := g.call("GET", "/api/v1/runs?limit=200&agent="+agent+"&cursor="+cursor, "")
				for _, one := range page["items"].([]any) {
					run := one.(map[string]any)
					known[run["runId"].(string)] = true
					if run["status"] == "COMPLETED" {
						completed[run["runId"].(string)] = true
					}
				}
				if cursor, _ = page["nextCursor"].(string); cursor == "" {
					break
				}
			}
			for id := range accepted[session] {
				require.True(t, known[id], "run %s is lost", id)
			}
			turns := map[string]bool{}
			for cursor := ""; ; {
				_, page := g.call("GET", "/api/v1/sessions/"+session+"?limit=200&cursor="+cursor, "")
				for _, one := range page["turns"].([]any) {
					id := one.(map[string]any)["runId"].(string)
					require.False(t, turns[id], "the turn of run %s is there twice", id)
					turns[id] = true
				}
				if cursor, _ = page["nextCursor"].(string); cursor == "" {
					break
				}
			}
			require.Equal(t, completed, turns, "session %s", session)
			require.NotEmpty(t, turns)
			t.Logf("session %s: %d turns of %d runs", session, len(turns), len(known))
		}
	})
}
