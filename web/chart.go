package web

import (
	"time"

	"beckon/runs"
)

// chart is what assets/charts.js draws from the data-chart attribute. Without scripts the table below says the same.
type chart struct {
	Title  string   `json:"-"`
	Unit   string   `json:"unit"` // count, seconds
	Times  []int64  `json:"times"`
	Series []series `json:"series"`
}

// series is one line. Its color is one of assets/beckon.css: --chart-COLOR.
type series struct {
	Label  string     `json:"label"`
	Color  string     `json:"color"`
	Values []*float64 `json:"values"` // null where there is nothing to say
}

func charts(hours []runs.Hour) []chart {
	times := make([]int64, len(hours))
	for i, h := range hours {
		times[i] = h.At.Unix()
	}
	count := func(label, color string, status runs.Status) series {
		return line(label, color, hours, func(h runs.Hour) (float64, bool) { return float64(h.Count(status)), true })
	}
	took := func(label, color string, of func(runs.Hour) time.Duration) series {
		return line(label, color, hours, func(h runs.Hour) (float64, bool) { return of(h).Seconds(), h.Count(runs.Completed) > 0 })
	}
	return []chart{
		{"Calls per hour", "count", times, []series{
			count("Completed", "good", runs.Completed),
			count("Failed", "bad", runs.Failed),
			count("Canceled", "plain", runs.Canceled),
		}},
		{"Time to the answer", "seconds", times, []series{
			took("p50", "good", func(h runs.Hour) time.Duration { return h.P50 }),
			took("p95", "warn", func(h runs.Hour) time.Duration { return h.P95 }),
		}},
		{"Tokens per hour", "count", times, []series{
			line("Tokens", "plain", hours, func(h runs.Hour) (float64, bool) { return float64(h.Tokens), true }),
		}},
	}
}

func line(label, color string, hours []runs.Hour, value func(runs.Hour) (float64, bool)) series {
	s := series{Label: label, Color: color, Values: make([]*float64, len(hours))}
	for i, h := range hours {
		if v, ok := value(h); ok {
			s.Values[i] = &v
		}
	}
	return s
}
