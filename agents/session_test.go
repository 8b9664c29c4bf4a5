package agents_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/units"
)

func TestHowLongConversationsAreKept(t *testing.T) {
	const setting = 100 * time.Hour
	for name, c := range map[string]struct {
		session *agents.Session
		want    time.Duration
	}{
		"no session":   {nil, 0},
		"no ttl":       {&agents.Session{}, setting},
		"a ttl":        {&agents.Session{TTL: units.Duration(time.Hour)}, time.Hour},
		"a longer ttl": {&agents.Session{TTL: units.Duration(200 * time.Hour)}, 200 * time.Hour},
	} {
		kept := c.session.Retention()
		require.Equal(t, c.want, kept.Or(setting), name)
		require.Equal(t, c.session != nil, kept.IsKept(), name)
	}
}
