package window

import (
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

var allIcons = []Icon{IconNone, IconConnecting, IconOK, IconAttention, IconError}

// The icons differ in black and white too, for people who cannot distinguish the colours.
func TestIconsDiffer(t *testing.T) {
	for _, size := range []int{16, 20, 32} {
		for _, draw := range []func(Icon, int) image.Image{drawTray, drawStatus} {
			for i, a := range allIcons {
				for _, b := range allIcons[:i] {
					if n := different(draw(a, size), draw(b, size)); n < size*2/3 {
						t.Errorf("%d px: %s and %s differ in %d pixels only", size, a, b, n)
					}
				}
			}
		}
	}
}

// different counts the pixels that are much lighter or more transparent in one picture than in the other.
func different(a, b image.Image) (n int) {
	for y := 0; y < a.Bounds().Dy(); y++ {
		for x := 0; x < a.Bounds().Dx(); x++ {
			if d := brightness(a, x, y) - brightness(b, x, y); d > 30 || d < -30 {
				n++
			}
		}
	}
	return n
}

func brightness(m image.Image, x, y int) int {
	r, g, b, a := m.At(x, y).RGBA()
	return int((299*r+587*g+114*b)/1000/257) + int(a/257)
}

// Pictures are cached separately for each DPI, in the size for that DPI.
func TestPictureForScreen(t *testing.T) {
	widths := map[picture]int{}
	for _, c := range []struct{ dpi, logo, tray, status int }{
		{96, 32, 16, 24}, {120, 40, 20, 30}, {144, 48, 24, 36}, {168, 56, 28, 42}, {192, 64, 32, 48},
	} {
		for kind, want := range map[kind]int{kindLogo: c.logo, kindTray: c.tray, kindStatus: c.status} {
			p := picture{kind, IconOK, c.dpi}
			if _, exists := widths[p]; exists {
				t.Errorf("%+v is the key of another picture", p)
			}
			if widths[p] = p.draw().Bounds().Dx(); widths[p] != want {
				t.Errorf("%+v: %d pixels, want %d", p, widths[p], want)
			}
		}
	}
}

// No picture is blank. With IDECO_PICTURES=DIR the test writes them to DIR/icons.png.
func TestDrawIcons(t *testing.T) {
	sheet := image.NewNRGBA(image.Rect(0, 0, 60*8, 3*64))
	put := func(m image.Image, x, y int) {
		if isBlank(m) {
			t.Errorf("a picture of %v is blank", m.Bounds().Max)
		}
		for j := 0; j < m.Bounds().Dy(); j++ {
			for i := 0; i < m.Bounds().Dx(); i++ {
				sheet.Set(x+i, y+j, m.At(i, j))
			}
		}
	}
	for row, size := range []int{16, 24, 48} {
		put(drawLogo(size), 4, row*64+4)
		for i, icon := range allIcons {
			put(drawTray(icon, size), 60+i*40, row*64+4)
			put(drawStatus(icon, size), 270+i*40, row*64+4)
		}
	}
	dir := os.Getenv("IDECO_PICTURES")
	if dir == "" {
		return
	}
	file, err := os.Create(filepath.Join(dir, "icons.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := png.Encode(file, sheet); err != nil {
		t.Fatal(err)
	}
}

func isBlank(m image.Image) bool {
	first := m.At(0, 0)
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			if m.At(x, y) != first {
				return false
			}
		}
	}
	return true
}
