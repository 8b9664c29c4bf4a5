package clients_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/units"
)

func declare(id string, tokens ...string) clients.Declared {
	d := clients.Declared{Client: clients.Client{ID: id, Passthrough: true, AllowedAgents: []string{"a", "b"}}}
	for _, token := range tokens {
		d.Credentials = append(d.Credentials, clients.Credential{Hash: clients.HashOf(token)})
	}
	return d
}

func newSet(t *testing.T, list ...clients.Declared) *clients.Set {
	s, findings := clients.NewSet(list, clients.NewLimits())
	require.Empty(t, findings)
	return s
}

func TestNewToken(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token := clients.NewToken().Reveal()
		require.Regexp(t, `^mgc_[0-9A-Za-z]{43}$`, token)
		require.False(t, seen[token])
		seen[token] = true
	}
}

func TestAuthenticate(t *testing.T) {
	s := newSet(t, declare("one", "t1"), declare("two", "t2", "t2-old"), declare("none"))
	for _, test := range []struct {
		id, token string
		ok        bool
	}{
		{"one", "t1", true}, {"two", "t2", true}, {"two", "t2-old", true},
		{"one", "t2", false}, {"one", "", false}, {"one", "t1 ", false}, {"nobody", "t1", false}, {"", "t1", false}, {"none", "", false},
	} {
		m := s.Authenticate(test.id, test.token)
		require.Equal(t, test.ok, m != nil, "%+v", test)
		if m != nil {
			require.Equal(t, test.id, m.ID)
		}
	}
}

func TestACredentialExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := declare("one", "new", "old")
		d.Credentials[1].Expires = time.Now().Add(time.Hour)
		s := newSet(t, d)
		time.Sleep(time.Hour - 1)
		require.NotNil(t, s.Authenticate("one", "old"))
		time.Sleep(time.Nanosecond)
		require.Nil(t, s.Authenticate("one", "old"))
		require.NotNil(t, s.Authenticate("one", "new"))
	})
}

func TestNewSetLeavesOutWhatIsWrong(t *testing.T) {
	bad := declare("bad", "t3")
	bad.Template, bad.RateLimit = "{{ .body.x", &clients.RateLimit{}
	s, findings := clients.NewSet([]clients.Declared{declare("one", "t1"), declare("twin", "t1"), bad, {Client: clients.Client{ID: "empty"}}}, clients.NewLimits())
	require.Len(t, findings, 3)
	for i, id := range []string{"twin", "bad", "empty"} {
		require.Equal(t, id, findings[i].ID)
	}
	require.Nil(t, s.Get("twin"), "whose token it is cannot be known")
	require.True(t, s.Get("empty").Unusable)
	require.True(t, s.Authenticate("bad", "t3").Unusable, "who proves to be one may be told what is wrong")
	require.Contains(t, findings[0].Fields[0].Message, `client "one"`)
	require.Equal(t, []string{"rateLimit", "template"}, []string{findings[1].Fields[0].Path, findings[1].Fields[len(findings[1].Fields)-1].Path})
	require.NotNil(t, s.Get("one"))
}

func TestChoose(t *testing.T) {
	m := newSet(t, declare("one", "t1")).Get("one")
	for wanted, got := range map[string]string{"": "a", "a": "a", "b": "b"} {
		agent, err := m.Choose(wanted)
		require.NoError(t, err)
		require.Equal(t, got, agent)
	}
	_, err := m.Choose("c")
	require.True(t, problem.Is(err, problem.Denied))
}

func TestRateLimitRefills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := declare("one", "t1")
		d.RateLimit = &clients.RateLimit{Requests: 3, Per: units.Duration(time.Minute)}
		m := newSet(t, d).Get("one")
		for left := 2; left >= 0; left-- {
			quota, err := m.TakeRate()
			require.NoError(t, err)
			require.Equal(t, left, quota.Remaining)
		}
		quota, err := m.TakeRate()
		require.True(t, problem.Is(err, problem.Exhausted))
		require.Equal(t, 20*time.Second, problem.Of(err).RetryAfter)
		require.Equal(t, clients.Quota{Limit: 3, Window: time.Minute, Remaining: 0, Reset: time.Minute}, quota)
		time.Sleep(20*time.Second - time.Millisecond)
		_, err = m.TakeRate()
		require.Error(t, err)
		time.Sleep(time.Millisecond)
		_, err = m.TakeRate()
		require.NoError(t, err)
	})
}

func TestLimitsOutliveAReload(t *testing.T) {
	limits, d := clients.NewLimits(), declare("one", "t1")
	d.RateLimit = &clients.RateLimit{Requests: 1, Per: units.Duration(time.Hour)}
	d.MaxConcurrent = 1
	admit := func() (*clients.Member, error) {
		s, findings := clients.NewSet([]clients.Declared{d}, limits)
		require.Empty(t, findings)
		m := s.Get("one")
		_, err := m.TakeRate()
		if err == nil {
			err = m.StartRun()
		}
		return m, err
	}
	first, err := admit()
	require.NoError(t, err)
	_, err = admit()
	require.Equal(t, "rate_limit_exceeded", problem.Of(err).Code, "the same limit goes on")
	d.RateLimit = nil
	_, err = admit()
	require.Equal(t, "too_many_concurrent_calls", problem.Of(err).Code, "so does the other one")
	first.EndRun()
	_, err = admit()
	require.NoError(t, err)
}

func TestBodiesOnTheirWayAreBounded(t *testing.T) {
	s := newSet(t, declare("one", "t1"), declare("two", "t2"))
	m := s.Get("one")
	require.NoError(t, m.StartBody(2))
	require.NoError(t, m.StartBody(2))
	err := m.StartBody(2)
	require.Equal(t, "too_many_concurrent_calls", problem.Of(err).Code)
	require.Equal(t, time.Second, problem.Of(err).RetryAfter)
	require.NoError(t, s.Get("two").StartBody(2), "each has its own")
	m.EndBody()
	require.NoError(t, m.StartBody(2))
}
