package doctor_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/doctor"
)

// All checks wait for one another, which they can do only when they run at the same time.
func TestChecksRunTogetherAndAreToldInOrder(t *testing.T) {
	var met sync.WaitGroup
	var checks []doctor.Check
	for i := range 5 {
		met.Add(1)
		checks = append(checks, doctor.Check{Name: fmt.Sprint(i), Look: func(context.Context) doctor.Finding {
			met.Done()
			met.Wait()
			return doctor.Well("It is number %d.", i)
		}})
	}
	checks = append(checks, doctor.Check{Name: "far", Network: true, Look: func(context.Context) doctor.Finding {
		t.Error("it reached another host")
		return doctor.Finding{}
	}})
	var told []doctor.Finding
	doctor.Examine(t.Context(), checks, false, func(f doctor.Finding) { told = append(told, f) })
	require.Len(t, told, 6)
	for i := range 5 {
		require.Equal(t, doctor.Finding{Check: fmt.Sprint(i), Status: doctor.Good, Says: fmt.Sprintf("It is number %d.", i)}, told[i])
	}
	require.Equal(t, doctor.Skipped, told[5].Status)
	require.Equal(t, doctor.Good, doctor.Worst(told))
}

// Checks that do not end, not even with their context, cost their callers no more time than they have.
func TestChecksThatHang(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hangs := make(chan struct{})
	t.Cleanup(func() { close(hangs) })
	var begun sync.WaitGroup
	var checks []doctor.Check
	for range 20 {
		checks = append(checks, doctor.Check{Name: "hangs", Look: func(context.Context) doctor.Finding {
			begun.Done()
			<-hangs
			return doctor.Finding{}
		}})
	}
	begun.Add(8)
	go func() {
		begun.Wait()
		cancel()
	}()
	count := map[doctor.Status]int{}
	doctor.Examine(ctx, checks, true, func(f doctor.Finding) {
		count[f.Status]++
		require.NotEmpty(t, f.Todo)
	})
	require.Equal(t, map[doctor.Status]int{doctor.Bad: 8, doctor.Skipped: 12}, count)
}
