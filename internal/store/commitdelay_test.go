package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACommitWaitsForOthersWhenMostRunsAreBusyElsewhere(t *testing.T) {
	var s Store
	const ms, us = time.Millisecond, time.Microsecond
	for _, one := range []struct {
		underWay, waiting  int
		sqlite, postgreSQL time.Duration
	}{
		{underWay: 0, waiting: 1}, // a change by an administrator
		{underWay: 1, waiting: 1}, // one caller who waits
		{underWay: 5, waiting: 1}, // too few to be worth it
		{underWay: 6, waiting: 2, postgreSQL: 500 * us},
		{underWay: 6, waiting: 3},
		{underWay: 15, waiting: 1, postgreSQL: 500 * us},
		{underWay: 16, waiting: 1, sqlite: 512 * us, postgreSQL: 500 * us},
		{underWay: 32, waiting: 7, sqlite: 1024 * us, postgreSQL: 500 * us},
		{underWay: 32, waiting: 8, postgreSQL: 500 * us},
		{underWay: 64, waiting: 15, sqlite: 2 * ms, postgreSQL: 500 * us},
		{underWay: 64, waiting: 16, postgreSQL: 500 * us},
		{underWay: 64, waiting: 32}, // models that answer at once
		{underWay: 512, waiting: 127, sqlite: 2 * ms, postgreSQL: 500 * us},
		{underWay: 512, waiting: 256}, // a whole group
	} {
		s.Expect(one.underWay)
		require.Equal(t, one.sqlite, s.siblings.wait(sqliteDelay, one.waiting), "%+v", one)
		require.Equal(t, one.postgreSQL, s.siblings.wait(postgresDelay, one.waiting), "%+v", one)
		s.Expect(-one.underWay)
	}
}
