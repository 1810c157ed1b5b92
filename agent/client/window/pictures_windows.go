package window

import (
	"image"
	"image/color"

	"github.com/lxn/walk"
)

// picture is one that is drawn once.
type picture struct {
	icon Icon
	tray bool
	logo bool
	size int
}

// icon gives nil where it cannot be had.
func (v *frame) icon(p picture) *walk.Icon {
	if icon := v.icons[p]; icon != nil {
		return icon
	}
	dpi := v.mw.DPI()
	size := p.size * dpi / 96
	var m image.Image
	switch {
	case p.logo:
		m = drawLogo(size)
	case p.tray:
		m = drawTray(p.icon, size)
	default:
		m = drawStatus(p.icon, size)
	}
	icon, err := walk.NewIconFromImageForDPI(straight{m}, dpi)
	if err != nil {
		v.p.Log.Write("icon: " + err.Error())
		return nil
	}
	v.icons[p] = icon
	return icon
}

func (v *frame) bitmap(m image.Image) walk.Image {
	b, err := walk.NewBitmapFromImageForDPI(m, 192)
	if err != nil {
		return nil
	}
	return b
}

// straight is a picture whose colours are not multiplied by their opacity, as Windows wants them in an icon.
type straight struct{ image.Image }

func (s straight) At(x, y int) color.Color {
	c, _ := s.Image.At(x, y).(color.NRGBA)
	return color.RGBA(c)
}
