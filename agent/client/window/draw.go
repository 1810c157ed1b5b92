package window

import (
	"image"
	"image/color"
	"math"
)

// Pictures are drawn for each size, so that they are sharp on every screen. A picture is a stack of shapes in a
// square of 32 by 32. A shape returns the distance of a point from its edge, negative inside.

type shape func(x, y float64) float64

type layer struct {
	shape shape
	color color.NRGBA
}

// Colours of the product, visible on light and dark task bars.
var (
	amber = color.NRGBA{0xe0, 0x7b, 0x00, 0xff}
	dark  = color.NRGBA{0x1b, 0x12, 0x00, 0xff}
	white = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	green = color.NRGBA{0x1e, 0x7f, 0x4f, 0xff}
	red   = color.NRGBA{0xb3, 0x26, 0x1e, 0xff}
	blue  = color.NRGBA{0x1f, 0x5f, 0xbf, 0xff}
	grey  = color.NRGBA{0x5c, 0x66, 0x70, 0xff}
	ochre = color.NRGBA{0xe0, 0xa0, 0x00, 0xff}
)

// picture identifies a picture. It is drawn once for each DPI.
type picture struct {
	kind kind
	icon Icon // of kindTray and kindStatus
	dpi  int
}

// kind is where a picture is shown.
type kind int

const (
	kindLogo kind = iota
	kindTray
	kindStatus
)

// sizes are in pixels at 96 DPI.
var sizes = map[kind]int{kindLogo: logoSize, kindTray: traySize, kindStatus: statusSize}

const (
	logoSize   = 32
	traySize   = 16
	statusSize = 24
)

// draw draws the picture for its DPI.
func (p picture) draw() image.Image {
	size := int(math.Round(float64(sizes[p.kind]*p.dpi) / 96))
	switch p.kind {
	case kindLogo:
		return drawLogo(size)
	case kindTray:
		return drawTray(p.icon, size)
	}
	return drawStatus(p.icon, size)
}

// drawLogo draws the product's logo.
func drawLogo(size int) image.Image { return draw(size, logo(amber, dark)) }

// drawTray draws the tray icon: the logo with a badge for the state. The logo is grey with IconNone.
func drawTray(icon Icon, size int) image.Image {
	if icon == IconNone {
		return draw(size, logo(grey, white))
	}
	return draw(size, append(logo(amber, dark), badge(icon, 10.2, 21.8)...))
}

// drawStatus draws the icon beside the status.
func drawStatus(icon Icon, size int) image.Image { return draw(size, badge(icon, 14.5, 16)) }

func logo(ground, sign color.NRGBA) []layer {
	return []layer{
		{roundedSquare(16, 16, 16, 7), ground},
		{segment(16, 6.5, 16, 15.5, 1.7), sign},
		{openRing(16, 17.4, 8.2, 1.7), sign},
	}
}

// badge draws an icon of radius r around (c, c).
func badge(icon Icon, r, c float64) []layer {
	at := func(v float64) float64 { return c + v*r }
	rim := r * 0.15
	switch icon {
	case IconOK:
		return []layer{{disc(c, c, r), white}, {disc(c, c, r-rim), green},
			{union(segment(at(-0.42), at(0.05), at(-0.1), at(0.36), r*0.13), segment(at(-0.1), at(0.36), at(0.43), at(-0.32), r*0.13)), white}}
	case IconConnecting:
		return []layer{{disc(c, c, r), white}, {disc(c, c, r-rim), blue},
			{union(disc(at(-0.45), c, r*0.15), disc(c, c, r*0.15), disc(at(0.45), c, r*0.15)), white}}
	case IconAttention:
		return []layer{{triangle(c, c, r*1.4, r*0.25), white}, {triangle(c, c, r*1.1, r*0.16), ochre},
			{union(segment(c, at(-0.3), c, at(0.18), r*0.12), disc(c, at(0.47), r*0.13)), dark}}
	case IconError:
		return []layer{{disc(c, c, r), white}, {disc(c, c, r-rim), red},
			{union(segment(at(-0.32), at(-0.32), at(0.32), at(0.32), r*0.13), segment(at(-0.32), at(0.32), at(0.32), at(-0.32), r*0.13)), white}}
	}
	return []layer{{ring(c, c, r*0.7, r*0.12), grey}}
}

func disc(cx, cy, r float64) shape {
	return func(x, y float64) float64 { return math.Hypot(x-cx, y-cy) - r }
}

func ring(cx, cy, r, half float64) shape {
	return func(x, y float64) float64 { return math.Abs(math.Hypot(x-cx, y-cy)-r) - half }
}

// openRing is a ring with round ends and a gap at the top.
func openRing(cx, cy, r, half float64) shape {
	const gap = 0.75 // to either side, in radians
	ex, ey := cx+r*math.Sin(gap), cy-r*math.Cos(gap)
	return func(x, y float64) float64 {
		if math.Abs(math.Atan2(x-cx, cy-y)) < gap {
			return math.Min(math.Hypot(x-ex, y-ey), math.Hypot(x-(2*cx-ex), y-ey)) - half
		}
		return math.Abs(math.Hypot(x-cx, y-cy)-r) - half
	}
}

func segment(ax, ay, bx, by, half float64) shape {
	dx, dy := bx-ax, by-ay
	return func(x, y float64) float64 {
		t := ((x-ax)*dx + (y-ay)*dy) / (dx*dx + dy*dy)
		t = math.Max(0, math.Min(1, t))
		return math.Hypot(x-ax-t*dx, y-ay-t*dy) - half
	}
}

func roundedSquare(cx, cy, half, radius float64) shape {
	return func(x, y float64) float64 {
		qx, qy := math.Abs(x-cx)-half+radius, math.Abs(y-cy)-half+radius
		return math.Hypot(math.Max(qx, 0), math.Max(qy, 0)) + math.Min(math.Max(qx, qy), 0) - radius
	}
}

// triangle points upwards and has round corners. r is the distance of the sharp corners from the centre.
func triangle(cx, cy, r, radius float64) shape {
	inner := r - 2*radius
	var corners [3][2]float64
	for i := range corners {
		angle := float64(i) * 2 * math.Pi / 3
		corners[i] = [2]float64{cx + inner*math.Sin(angle), cy + r*0.15 - inner*math.Cos(angle)}
	}
	return func(x, y float64) float64 {
		edge, inside := math.Inf(1), true
		for i, a := range corners {
			b := corners[(i+1)%3]
			edge = math.Min(edge, segment(a[0], a[1], b[0], b[1], 0)(x, y))
			inside = inside && (b[0]-a[0])*(y-a[1])-(b[1]-a[1])*(x-a[0]) > 0
		}
		if inside {
			edge = -edge
		}
		return edge - radius
	}
}

func union(all ...shape) shape {
	return func(x, y float64) float64 {
		d := math.Inf(1)
		for _, s := range all {
			d = math.Min(d, s(x, y))
		}
		return d
	}
}

// draw draws the layers in order, with anti-aliased edges.
func draw(size int, layers []layer) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, size, size))
	scale := 32 / float64(size)
	for py := 0; py < size; py++ {
		for px := 0; px < size; px++ {
			x, y := (float64(px)+0.5)*scale, (float64(py)+0.5)*scale
			var c [4]float64 // red, green, blue, not premultiplied, and opacity
			for _, l := range layers {
				cover := math.Max(0, math.Min(1, 0.5-l.shape(x, y)/scale))
				c = over(c, l.color, cover)
			}
			m.SetNRGBA(px, py, color.NRGBA{byte(c[0] + 0.5), byte(c[1] + 0.5), byte(c[2] + 0.5), byte(c[3]*255 + 0.5)})
		}
	}
	return m
}

func over(below [4]float64, c color.NRGBA, cover float64) [4]float64 {
	a := cover + below[3]*(1-cover)
	if a == 0 {
		return below
	}
	mix := func(top uint8, under float64) float64 { return (float64(top)*cover + under*below[3]*(1-cover)) / a }
	return [4]float64{mix(c.R, below[0]), mix(c.G, below[1]), mix(c.B, below[2]), a}
}
