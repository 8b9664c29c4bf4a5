package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACommitWaitsForOthersWhenMostRunsAreBusyElsewhere(t *testing.T) {
	var s Store
	for _, one := range []struct {
		underWay, waiting int
		delayed           bool
	}{
		{underWay: 0, waiting: 1},  // a change by an administrator
		{underWay: 1, waiting: 1},  // one caller who waits
		{underWay: 49, waiting: 1}, // too few to be worth it
		{underWay: 50, waiting: 1, delayed: true},
		{underWay: 64, waiting: 7, delayed: true},
		{underWay: 64, waiting: 8}, // models that answer at once
		{underWay: 512, waiting: 63, delayed: true},
		{underWay: 512, waiting: 256}, // a whole group
	} {
		s.Expect(one.underWay)
		require.Equal(t, one.delayed, s.siblings.delayCommit(one.waiting), "%+v", one)
		s.Expect(-one.underWay)
	}
}
