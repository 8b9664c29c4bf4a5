package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACommitWaitsForOthersWhenMostRunsAreBusyElsewhere(t *testing.T) {
	var s Store
	for _, one := range []struct {
		underWay, waiting  int
		sqlite, postgreSQL bool
	}{
		{underWay: 0, waiting: 1}, // a change by an administrator
		{underWay: 1, waiting: 1}, // one caller who waits
		{underWay: 5, waiting: 1}, // too few to be worth it
		{underWay: 6, waiting: 2, postgreSQL: true},
		{underWay: 6, waiting: 3},
		{underWay: 49, waiting: 1, postgreSQL: true},
		{underWay: 50, waiting: 1, sqlite: true, postgreSQL: true},
		{underWay: 64, waiting: 7, sqlite: true, postgreSQL: true},
		{underWay: 64, waiting: 8, postgreSQL: true},
		{underWay: 64, waiting: 32}, // models that answer at once
		{underWay: 512, waiting: 63, sqlite: true, postgreSQL: true},
		{underWay: 512, waiting: 256}, // a whole group
	} {
		s.Expect(one.underWay)
		require.Equal(t, one.sqlite, s.siblings.isWorthWaiting(sqliteDelay, one.waiting), "%+v", one)
		require.Equal(t, one.postgreSQL, s.siblings.isWorthWaiting(postgresDelay, one.waiting), "%+v", one)
		s.Expect(-one.underWay)
	}
}
