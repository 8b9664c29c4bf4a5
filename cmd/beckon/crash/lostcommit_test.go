package crash_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// claimOfRun and the others say what a statement looks like, with its values, whose commit is to be lost.
const (
	claimOfRun      = `(?s)UPDATE runs SET status = 'RUNNING'`
	claimOfDelivery = `(?s)INSERT INTO deliveries .*SENDING`
)

var labCommits = []struct{ what, statement string }{
	{"a run is put into the queue", `(?s)INSERT INTO runs .* -- .*QUEUED`},
	{"a run begins", `(?s)INSERT INTO runs .* -- .*RUNNING`},
	{"a call with an Idempotency-Key begins", `(?s)INSERT INTO idempotency_keys`},
	{"a run is claimed", claimOfRun},
	{"a node begins", `(?s)INSERT INTO nodes `},
	{"a node ends", `(?s)UPDATE nodes SET status = .* -- .*COMPLETED`},
	{"a run ends", `(?s)UPDATE runs SET status = .* -- .*COMPLETED`},
	{"a delivery is claimed", claimOfDelivery},
	{"an attempt is recorded", `(?s)INSERT INTO attempts`},
}

// The answer to a commit is lost, a few times for each statement.
func lostCommits(t *testing.T, table *results) {
	lose := func(t *testing.T, p *storetest.Proxy, statement string) {
		for range times(3, 30) {
			select {
			case <-p.Lose(statement):
			case <-time.After(patience):
				require.Fail(t, "no transaction was lost", "none had a statement that looks like %s", statement)
			}
		}
	}
	for i, commit := range labCommits {
		t.Run(fmt.Sprintf("postgres-1-%d", i+1), func(t *testing.T) {
			t.Parallel()
			url := storetest.Postgres(t)
			p := storetest.NewProxy(t, url)
			l := newLab(t, p.URL, url, 1)
			back := l.interrupt(func() { lose(t, p, commit.statement) })
			l.conclude(table, "the answer to COMMIT is lost as "+commit.what, back)
		})
	}
	t.Run("postgres-3", func(t *testing.T) {
		t.Parallel()
		url := storetest.Postgres(t)
		p := storetest.NewProxy(t, url)
		l := newLab(t, p.URL, url, 3)
		back := l.interrupt(func() {
			for _, commit := range labCommits {
				lose(t, p, commit.statement)
			}
		})
		l.conclude(table, "the answer to COMMIT is lost, as each of these", back)
	})
}

// away is longer than a gateway waits for the database to say what came of a commit.
const away = 12 * time.Second

// The answer to a commit is lost, and the database cannot be reached for so long that nobody learns what came of it.
func commitsInDoubt(t *testing.T, table *results) {
	for i, commit := range labCommits {
		t.Run(fmt.Sprintf("postgres-1-%d", i+1), func(t *testing.T) {
			t.Parallel()
			url := storetest.Postgres(t)
			p := storetest.NewProxy(t, url)
			l := newLab(t, p.URL, url, 1)
			back := l.interrupt(func() {
				select {
				case <-p.LoseAndRefuse(commit.statement):
				case <-time.After(patience):
					require.Fail(t, "no transaction was lost")
				}
				<-time.After(away)
				p.Accept()
			})
			l.conclude(table, "the answer to COMMIT is lost as "+commit.what+", and the database is away for 12 s", back)
		})
	}
}

// PostgreSQL crashes before it has got a COMMIT, and then gives the number of that transaction to another one, which is
// committed. Whoever asks by the number whether his own was committed must not take the other for it.
func reusedTransactions(t *testing.T, table *results) {
	server := storetest.NewServer(t)
	p := storetest.NewProxy(t, server.URL())
	l := newLab(t, p.URL, server.URL(), 1)
	queued := kind{agent: "quick", answer: "quick", path: labRuns, webhook: true}
	begun := kind{agent: "quick", answer: "quick", path: labRuns, headers: []string{"Prefer: wait=0"}}
	back := time.Now()
	for i, k := range []kind{queued, begun, begun, queued, queued, queued, queued, queued, queued} {
		lost := p.LoseRequest(labCommits[i].statement)
		k.once = i == 2
		if i == 4 || i == 5 {
			k.agent, k.answer = "relay", "third" // its nodes are recorded
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			// A gateway that has not found its database again refuses calls.
			for l.load.make(0, k, labCommits[i].what) == "" && !isClosed(lost) {
				if !assert.Eventually(t, l.gateway(0).ready, patience, 10*time.Millisecond) {
					return
				}
			}
		}()
		select {
		case <-lost:
		case <-time.After(patience):
			require.Fail(t, "no transaction was lost", labCommits[i].what)
		}
		require.NoError(t, server.Crash())
		for range 20 {
			var number string
			require.NoError(t, l.record.db.QueryRow("SELECT pg_current_xact_id()::text").Scan(&number))
		}
		back = time.Now()
		p.Accept()
		<-answered
	}
	v := l.conclude(table, "PostgreSQL crashes before the COMMIT, as each of these", back)
	assert.Zero(t, v.askedTwice, "models that were asked twice, though no gateway has ended")
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// The answer to the commit of a claim is lost: the run can be canceled all the same, and does not keep the place of a client
// that may have one run at a time.
func lostClaims(t *testing.T, _ *results) {
	url := storetest.Postgres(t)
	p := storetest.NewProxy(t, url)
	l := newLab(t, p.URL, url, 1)
	g := l.gateway(0)
	queue := func(prompt string, headers ...string) (id string) {
		status, answer := g.call("POST", labRuns, fmt.Sprintf(`{"agent":"quick","prompt":%q}`, prompt), headers...)
		require.Equal(t, 202, status)
		return answer["runId"].(string)
	}
	awaitLost := func(lost <-chan struct{}) {
		select {
		case <-lost:
		case <-time.After(patience):
			require.Fail(t, "no claim was lost")
		}
	}

	requireSoon(t, within, func(prompt string) time.Duration {
		release := l.model.hold("quick")
		defer release()
		lost := p.Lose(claimOfRun)
		id := queue("is canceled " + prompt)
		awaitLost(lost)
		asked := time.Now()
		status, _ := g.call("POST", labRuns+"/"+id+"/cancel", "")
		require.Equal(t, 202, status)
		require.Eventually(t, func() bool {
			_, run := g.call("GET", labRuns+"/"+id, "")
			return run["status"] == "CANCELED"
		}, patience, 20*time.Millisecond, "a run whose claim was lost is canceled")
		return time.Since(asked)
	})

	single := "Authorization: Bearer " + labSingleToken
	requireSoon(t, within, func(prompt string) time.Duration {
		lost := p.Lose(claimOfRun)
		ids := []string{queue("single one "+prompt, single)}
		awaitLost(lost)
		since := time.Now()
		ids = append(ids, queue("single two "+prompt, single))
		for _, id := range ids {
			require.Eventually(t, func() bool {
				_, run := g.call("GET", labRuns+"/"+id, "", single)
				return run["status"] == "COMPLETED"
			}, patience, 20*time.Millisecond, "the claim of a run was lost, and its client is blocked")
		}
		return time.Since(since)
	})

	requireSoon(t, within, func(prompt string) time.Duration {
		lost := p.Lose(claimOfDelivery)
		id := l.load.make(0, kind{agent: "quick", answer: "quick", path: labRuns, webhook: true}, "is told "+prompt)
		require.NotEmpty(t, id)
		awaitLost(lost)
		since := time.Now()
		require.Eventually(t, func() bool {
			_, open, err := l.record.open()
			return err == nil && open == 0
		}, patience, 20*time.Millisecond, "the claim of a delivery was lost, and it is not sent")
		return time.Since(since)
	})
}
