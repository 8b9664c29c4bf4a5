package memory

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
)

func TestBodiesLeaveRoomForAnswers(t *testing.T) {
	const kib = 1 << 10
	b := NewBudget(100 * kib)
	one, two := b.Reserve(), b.Reserve()
	require.NoError(t, one.Body(75*kib))
	require.ErrorIs(t, two.Body(17*kib), ErrFull)
	require.False(t, b.HasRoom(17*kib))
	require.True(t, problem.Is(ErrFull, problem.Unavailable))
	require.NotZero(t, ErrFull.RetryAfter)

	require.True(t, b.HasRoom(5*kib))
	require.NoError(t, two.Body(5*kib), "large bodies don't keep small ones out")
	require.NoError(t, two.Answer(t.Context(), 20*kib))
	require.EqualValues(t, 100*kib, b.Used())
	require.ErrorIs(t, two.Body(1), ErrFull)
	one.Release()
	require.EqualValues(t, 25*kib, b.Used())
	require.True(t, b.HasRoom(50*kib))
	two.Release()
	require.Zero(t, b.Used())
}

func TestAReservationBelongsToAllWhoShareIt(t *testing.T) {
	b := NewBudget(100)
	caller := b.Reserve()
	run := caller.Share()
	require.NoError(t, caller.Body(30))
	run.Set(20) // the prompt took the place of the body
	require.EqualValues(t, 20, b.Used())
	caller.Release()
	require.EqualValues(t, 20, b.Used())
	require.NoError(t, run.Answer(t.Context(), 50))
	run.Release()
	require.Zero(t, b.Used())
}

func TestNoBudgetBoundsNothing(t *testing.T) {
	var b *Budget
	r := b.Reserve()
	require.True(t, b.HasRoom(1<<60))
	require.NoError(t, r.Body(1<<60))
	require.NoError(t, r.Share().Answer(t.Context(), 1<<60))
	r.Set(5)
	r.Release()
	require.Nil(t, From(With(t.Context(), r)))
}

func TestAnAnswerWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100)
		first, second, third := b.Reserve(), b.Reserve(), b.Reserve()
		require.NoError(t, first.Answer(t.Context(), 100))
		require.NoError(t, second.Answer(t.Context(), 30), "one at a time may exceed the budget")
		got := make(chan error, 1)
		go func() { got <- third.Answer(t.Context(), 10) }()
		synctest.Wait()
		require.Empty(t, got)
		require.NoError(t, second.Answer(t.Context(), 5), "it goes on before those who wait")
		second.Release()
		require.NoError(t, <-got, "then the next one may exceed it")
		first.Release()
		third.Release()
		require.Zero(t, b.Used())
	})
}

func TestAnAnswerDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100)
		first, second, third := b.Reserve(), b.Reserve(), b.Reserve()
		require.NoError(t, first.Answer(t.Context(), 100))
		require.NoError(t, second.Answer(t.Context(), 1))
		begun := time.Now()
		require.ErrorIs(t, third.Answer(t.Context(), 1), ErrFull)
		require.Equal(t, b.Patience, time.Since(begun))

		why := errors.New("the run was canceled")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		require.ErrorIs(t, third.Answer(ctx, 1), why)

		for _, r := range []*Reservation{first, second, third} {
			r.Release()
		}
		require.Zero(t, b.Used())
		require.Zero(t, b.waiters.Load())
	})
}

// Whatever all of them need: as long as each of them ends, none waits forever.
func TestNobodyWaitsForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, pieces, piece = 50, 40, 100
		b := NewBudget(calls * pieces * piece / 10)
		begun := time.Now()
		var highest atomic.Int64
		var going sync.WaitGroup
		for range calls {
			going.Go(func() {
				r := b.Reserve()
				defer r.Release()
				for range pieces {
					require.NoError(t, r.Answer(t.Context(), piece))
					for used, most := b.Used(), highest.Load(); used > most && !highest.CompareAndSwap(most, used); most = highest.Load() {
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		going.Wait()
		require.Less(t, time.Since(begun), b.Patience)
		require.Zero(t, b.Used())
		require.LessOrEqual(t, highest.Load(), b.Limit()+pieces*piece)
	})
}

// A reservation that may exceed the limit hands this on when it ends while nobody waits.
func TestWhoMayExceedIsNotForgotten(t *testing.T) {
	b := NewBudget(100)
	first, second, third := b.Reserve(), b.Reserve(), b.Reserve()
	require.NoError(t, first.Answer(t.Context(), 100))
	require.NoError(t, second.Answer(t.Context(), 1))
	first.Set(150)
	second.Release()
	require.NoError(t, third.Answer(t.Context(), 1))
	first.Release()
	third.Release()
	require.Zero(t, b.Used())
}

func TestTextAndBytesShareMemory(t *testing.T) {
	require.Equal(t, "héllo", Text([]byte("héllo")))
	require.Equal(t, []byte("héllo"), Bytes("héllo"))
	require.Empty(t, Text(nil))
	require.Empty(t, Bytes(""))
}

func BenchmarkReservation(b *testing.B) {
	budget := NewBudget(1 << 30)
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := budget.Reserve()
			_ = r.Body(200)
			r.Set(180)
			run := r.Share()
			_ = From(With(ctx, run)).Answer(ctx, 300)
			run.Release()
			r.Release()
		}
	})
}
