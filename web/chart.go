package web

import "time"

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

func charts(hours []Hour) []chart {
	times := make([]int64, len(hours))
	for i, h := range hours {
		times[i] = h.Start.Unix()
	}
	count := func(label, color string, of func(Count) int64) series {
		return line(label, color, hours, func(h Hour) (float64, bool) { return float64(of(h.Count)), true })
	}
	took := func(label, color string, of func(Hour) time.Duration) series {
		return line(label, color, hours, func(h Hour) (float64, bool) { return of(h).Seconds(), h.Completed > 0 })
	}
	return []chart{
		{"Calls per hour", "count", times, []series{
			count("Completed", "good", func(c Count) int64 { return c.Completed }),
			count("Failed", "bad", func(c Count) int64 { return c.Failed }),
			count("Canceled", "plain", func(c Count) int64 { return c.Canceled }),
		}},
		{"Time to the answer", "seconds", times, []series{
			took("p50", "good", func(h Hour) time.Duration { return h.P50 }),
			took("p95", "warn", func(h Hour) time.Duration { return h.P95 }),
		}},
		{"Tokens per hour", "count", times, []series{
			count("Tokens", "plain", func(c Count) int64 { return c.Tokens }),
		}},
	}
}

func line(label, color string, hours []Hour, value func(Hour) (float64, bool)) series {
	s := series{Label: label, Color: color, Values: make([]*float64, len(hours))}
	for i, h := range hours {
		if v, ok := value(h); ok {
			s.Values[i] = &v
		}
	}
	return s
}
