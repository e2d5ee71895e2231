;; How near vectors of one bit a dimension lie to a query, sixteen at a time.
;; https://webassembly.github.io/spec/core/ ; compiled by the build.
;;
;; A block holds sixteen rows side by side: for each eight dimensions sixteen bytes, of which the byte 2r is of row r and the byte
;; 2r+1 of row 8+r; then sixteen 32-bit floats that the rows' sums are multiplied by, and sixteen that are added.
;; The query is a table: for each four dimensions sixteen bytes of 63 at the most, one for each value that four bits have. So one
;; instruction looks four dimensions of sixteen rows up (André et al., 2015, "Cache locality is not enough: high-performance nearest
;; neighbor search with product quantization fast scan").
(module
  (memory (export "memory") 1)
  ;; Writes a block's sixteen scores, 32-bit floats: (sum * unit + bias) * factor + addend. parts: bytes of a row, an even number.
  (func $scores (param $table i32) (param $block i32) (param $parts i32) (param $unit f32) (param $bias f32) (param $out i32)
    (local $end i32) (local $first v128) (local $second v128) (local $four v128) (local $both v128) (local $odd v128) (local $nibble v128)
    (local.set $end (i32.add (local.get $block) (i32.shl (local.get $parts) (i32.const 4))))
    (local.set $nibble (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15))
    (loop $next
      (local.set $first (v128.load (local.get $block)))
      (local.set $second (v128.load offset=16 (local.get $block)))
      (local.set $four (i8x16.add
        (i8x16.add
          (i8x16.swizzle (v128.load (local.get $table)) (v128.and (local.get $first) (local.get $nibble)))
          (i8x16.swizzle (v128.load offset=16 (local.get $table)) (v128.and (i16x8.shr_u (local.get $first) (i32.const 4)) (local.get $nibble))))
        (i8x16.add
          (i8x16.swizzle (v128.load offset=32 (local.get $table)) (v128.and (local.get $second) (local.get $nibble)))
          (i8x16.swizzle (v128.load offset=48 (local.get $table)) (v128.and (i16x8.shr_u (local.get $second) (i32.const 4)) (local.get $nibble))))))
      ;; Sums of even bytes are what is left of both once those of the odd ones are taken away: cheaper than to take the bytes apart.
      (local.set $both (i16x8.add (local.get $both) (local.get $four)))
      (local.set $odd (i16x8.add (local.get $odd) (i16x8.shr_u (local.get $four) (i32.const 8))))
      (local.set $table (i32.add (local.get $table) (i32.const 64)))
      (local.set $block (i32.add (local.get $block) (i32.const 32)))
      (br_if $next (i32.lt_u (local.get $block) (local.get $end))))
    (local.set $both (i16x8.sub (local.get $both) (i16x8.shl (local.get $odd) (i32.const 8))))
    (v128.store (local.get $out)
      (f32x4.add (v128.load offset=64 (local.get $block)) (f32x4.mul (v128.load (local.get $block))
        (f32x4.add (f32x4.splat (local.get $bias)) (f32x4.mul (f32x4.splat (local.get $unit))
          (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_u (local.get $both))))))))
    (v128.store offset=16 (local.get $out)
      (f32x4.add (v128.load offset=80 (local.get $block)) (f32x4.mul (v128.load offset=16 (local.get $block))
        (f32x4.add (f32x4.splat (local.get $bias)) (f32x4.mul (f32x4.splat (local.get $unit))
          (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_u (local.get $both))))))))
    (v128.store offset=32 (local.get $out)
      (f32x4.add (v128.load offset=96 (local.get $block)) (f32x4.mul (v128.load offset=32 (local.get $block))
        (f32x4.add (f32x4.splat (local.get $bias)) (f32x4.mul (f32x4.splat (local.get $unit))
          (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_u (local.get $odd))))))))
    (v128.store offset=48 (local.get $out)
      (f32x4.add (v128.load offset=112 (local.get $block)) (f32x4.mul (v128.load offset=48 (local.get $block))
        (f32x4.add (f32x4.splat (local.get $bias)) (f32x4.mul (f32x4.splat (local.get $unit))
          (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_u (local.get $odd)))))))))
  ;; Writes the scores of `blocks` blocks, `step` bytes from each to the next.
  (func (export "scores") (param $table i32) (param $block i32) (param $blocks i32) (param $step i32) (param $parts i32) (param $unit f32) (param $bias f32)
    (param $out i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $blocks)))
        (call $scores (local.get $table) (local.get $block) (local.get $parts) (local.get $unit) (local.get $bias) (local.get $out))
        (local.set $block (i32.add (local.get $block) (local.get $step)))
        (local.set $out (i32.add (local.get $out) (i32.const 64)))
        (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
        (br $next))))
  ;; Writes the index of each row whose score is at least `least` to `list`, 32-bit numbers in order; tells how many these are.
  ;; scratch: room for sixteen scores.
  (func (export "at_least") (param $table i32) (param $block i32) (param $blocks i32) (param $parts i32) (param $unit f32) (param $bias f32)
    (param $least f32) (param $scratch i32) (param $list i32) (result i32)
    (local $row i32) (local $mask i32) (local $found i32) (local $bytes i32)
    (local.set $bytes (i32.add (i32.shl (local.get $parts) (i32.const 4)) (i32.const 128)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $blocks)))
        (call $scores (local.get $table) (local.get $block) (local.get $parts) (local.get $unit) (local.get $bias) (local.get $scratch))
        (local.set $mask (i32.or
          (i32.or
            (i32x4.bitmask (f32x4.ge (v128.load (local.get $scratch)) (f32x4.splat (local.get $least))))
            (i32.shl (i32x4.bitmask (f32x4.ge (v128.load offset=16 (local.get $scratch)) (f32x4.splat (local.get $least)))) (i32.const 4)))
          (i32.or
            (i32.shl (i32x4.bitmask (f32x4.ge (v128.load offset=32 (local.get $scratch)) (f32x4.splat (local.get $least)))) (i32.const 8))
            (i32.shl (i32x4.bitmask (f32x4.ge (v128.load offset=48 (local.get $scratch)) (f32x4.splat (local.get $least)))) (i32.const 12)))))
        (block $none
          (loop $one
            (br_if $none (i32.eqz (local.get $mask)))
            (i32.store (i32.add (local.get $list) (i32.shl (local.get $found) (i32.const 2))) (i32.add (local.get $row) (i32.ctz (local.get $mask))))
            (local.set $found (i32.add (local.get $found) (i32.const 1)))
            (local.set $mask (i32.and (local.get $mask) (i32.sub (local.get $mask) (i32.const 1))))
            (br $one)))
        (local.set $row (i32.add (local.get $row) (i32.const 16)))
        (local.set $block (i32.add (local.get $block) (local.get $bytes)))
        (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
        (br $next)))
    (local.get $found)))
