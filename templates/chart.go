package templates

import (
	"fmt"
	"strconv"
	"strings"

	"ideco-agent/templates/locale"
)

// chart is a diagram over time. Positions on the time axis are in percent, so that the texts keep their size at any width.
type chart struct {
	Label string // for screen readers
	Top   int    // the value at the upper edge
	Lines []chartLine
	Bars  []chartBar
	Marks []chartMark // of the time axis
	Steps []chartStep // of the other axis
}

// chartLine is a line with the area under it, in the coordinates of chartWidth and chartHeight.
type chartLine struct{ Class, Line, Area string }

// chartBar is a bar. X and Width are in percent, Y and Height in pixels.
type chartBar struct {
	Class, X, Width string
	Y, Height       string
	Title           string
}

// chartMark is a label of the time axis. Minor ones are hidden on a phone.
type chartMark struct {
	X     string
	Text  string
	Minor bool
}

// chartStep is a label of the value axis, in pixels.
type chartStep struct{ Y, Text string }

// Sizes of a chart in pixels. The drawing begins chartAbove under the upper edge.
const (
	chartAbove  = 16
	chartHeight = 112
	chartWidth  = 1000 // units of lines
)

// newChart returns a chart without data for values up to most.
func newChart(marks []chartMark, most int, l *locale.Localizer) chart {
	c := chart{Top: chartTop(most), Marks: marks}
	for _, value := range []int{0, c.Top / 2, c.Top} {
		c.Steps = append(c.Steps, chartStep{Y: fmt.Sprint(c.y(value)), Text: l.Whole(value)})
	}
	return c
}

// chartTop returns a round even number that is not below most.
func chartTop(most int) int {
	for _, n := range []int{2, 4, 6, 8} {
		if n >= most {
			return n
		}
	}
	for unit := 1; ; unit *= 10 {
		for _, n := range []int{10, 12, 16, 20, 24, 30, 40, 50, 60, 80} {
			if n*unit >= most {
				return n * unit
			}
		}
	}
}

// y returns the position of a value in pixels.
func (c chart) y(value int) int { return chartAbove + chartHeight - value*chartHeight/c.Top }

// line draws values as steps over the first of some slots.
func (c chart) line(class string, values []int, slots int) chartLine {
	var b strings.Builder
	x := func(i int) string { return strconv.FormatFloat(float64(i)*chartWidth/float64(slots), 'f', 1, 64) }
	for i, v := range values {
		if i == 0 || v != values[i-1] {
			command := "V"
			if i == 0 {
				command = "M0 "
			}
			b.WriteString(command + strconv.FormatFloat(float64(chartHeight)*(1-float64(v)/float64(c.Top)), 'f', 1, 64))
		}
		if i == len(values)-1 || values[i+1] != v {
			b.WriteString("H" + x(i+1))
		}
	}
	if b.Len() == 0 {
		return chartLine{}
	}
	return chartLine{Class: class, Line: b.String(), Area: fmt.Sprintf("%sV%dH0Z", b.String(), chartHeight)}
}

// bar draws the value of the part i of n.
func (c chart) bar(class string, i, n, value int, title string) chartBar {
	height := max(value*chartHeight/c.Top, 2)
	return chartBar{Class: class, X: percentOf(float64(i)+0.1, n), Width: percentOf(0.8, n), Y: fmt.Sprint(chartAbove + chartHeight - height),
		Height: fmt.Sprint(height), Title: title}
}

// percent returns i of n in percent: "12.5%".
func percent(i, n int) string { return percentOf(float64(i), n) }

func percentOf(i float64, n int) string {
	return strconv.FormatFloat(i*100/float64(n), 'f', 2, 64) + "%"
}
