;; Dot products of one vector of 16-bit integers with many of 8-bit ones, by 128-bit SIMD.
;; https://webassembly.github.io/spec/core/ ; compiled by the build.
(module
  (memory (export "memory") 1)
  ;; Of one row.
  (func $dot (param $query i32) (param $row i32) (param $dimensions i32) (result f32)
    (local $end i32) (local $sum v128) (local $values v128)
    (local.set $end (i32.add (local.get $row) (local.get $dimensions)))
    (local.set $sum (v128.const i32x4 0 0 0 0))
    (loop $part
      (local.set $values (v128.load (local.get $row)))
      (local.set $sum (i32x4.add (local.get $sum)
        (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_s (local.get $values)) (v128.load (local.get $query)))))
      (local.set $sum (i32x4.add (local.get $sum)
        (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_s (local.get $values)) (v128.load offset=16 (local.get $query)))))
      (local.set $query (i32.add (local.get $query) (i32.const 32)))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (br_if $part (i32.lt_u (local.get $row) (local.get $end))))
    (f32.mul (f32.load (local.get $end))
      (f32.convert_i32_s
        (i32.add
          (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))
          (i32.add (i32x4.extract_lane 2 (local.get $sum)) (i32x4.extract_lane 3 (local.get $sum)))))))
  ;; Of four rows: what is loaded of the query serves them all, and rows that are not in the processor's caches come at the same time.
  (func $dot_four (param $query i32) (param $row0 i32) (param $row1 i32) (param $row2 i32) (param $row3 i32) (param $dimensions i32) (param $out i32)
    (local $q i32) (local $end i32) (local $values v128) (local $low v128) (local $high v128)
    (local $sum0 v128) (local $sum1 v128) (local $sum2 v128) (local $sum3 v128)
    (local.set $end (i32.add (local.get $row0) (local.get $dimensions)))
    (local.set $q (local.get $query))
    (local.set $sum0 (v128.const i32x4 0 0 0 0))
    (local.set $sum1 (v128.const i32x4 0 0 0 0))
    (local.set $sum2 (v128.const i32x4 0 0 0 0))
    (local.set $sum3 (v128.const i32x4 0 0 0 0))
    (loop $parts
      (local.set $low (v128.load (local.get $q)))
      (local.set $high (v128.load offset=16 (local.get $q)))
      (local.set $values (v128.load (local.get $row0)))
      (local.set $sum0 (i32x4.add (local.get $sum0)
        (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_s (local.get $values)) (local.get $low))))
      (local.set $sum0 (i32x4.add (local.get $sum0)
        (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_s (local.get $values)) (local.get $high))))
      (local.set $row0 (i32.add (local.get $row0) (i32.const 16)))
      (local.set $values (v128.load (local.get $row1)))
      (local.set $sum1 (i32x4.add (local.get $sum1)
        (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_s (local.get $values)) (local.get $low))))
      (local.set $sum1 (i32x4.add (local.get $sum1)
        (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_s (local.get $values)) (local.get $high))))
      (local.set $row1 (i32.add (local.get $row1) (i32.const 16)))
      (local.set $values (v128.load (local.get $row2)))
      (local.set $sum2 (i32x4.add (local.get $sum2)
        (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_s (local.get $values)) (local.get $low))))
      (local.set $sum2 (i32x4.add (local.get $sum2)
        (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_s (local.get $values)) (local.get $high))))
      (local.set $row2 (i32.add (local.get $row2) (i32.const 16)))
      (local.set $values (v128.load (local.get $row3)))
      (local.set $sum3 (i32x4.add (local.get $sum3)
        (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_s (local.get $values)) (local.get $low))))
      (local.set $sum3 (i32x4.add (local.get $sum3)
        (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_s (local.get $values)) (local.get $high))))
      (local.set $row3 (i32.add (local.get $row3) (i32.const 16)))
      (local.set $q (i32.add (local.get $q) (i32.const 32)))
      (br_if $parts (i32.lt_u (local.get $row0) (local.get $end))))
    (f32.store offset=0 (local.get $out)
      (f32.mul (f32.load (local.get $row0))
        (f32.convert_i32_s
          (i32.add
            (i32.add (i32x4.extract_lane 0 (local.get $sum0)) (i32x4.extract_lane 1 (local.get $sum0)))
            (i32.add (i32x4.extract_lane 2 (local.get $sum0)) (i32x4.extract_lane 3 (local.get $sum0)))))))
    (f32.store offset=4 (local.get $out)
      (f32.mul (f32.load (local.get $row1))
        (f32.convert_i32_s
          (i32.add
            (i32.add (i32x4.extract_lane 0 (local.get $sum1)) (i32x4.extract_lane 1 (local.get $sum1)))
            (i32.add (i32x4.extract_lane 2 (local.get $sum1)) (i32x4.extract_lane 3 (local.get $sum1)))))))
    (f32.store offset=8 (local.get $out)
      (f32.mul (f32.load (local.get $row2))
        (f32.convert_i32_s
          (i32.add
            (i32.add (i32x4.extract_lane 0 (local.get $sum2)) (i32x4.extract_lane 1 (local.get $sum2)))
            (i32.add (i32x4.extract_lane 2 (local.get $sum2)) (i32x4.extract_lane 3 (local.get $sum2)))))))
    (f32.store offset=12 (local.get $out)
      (f32.mul (f32.load (local.get $row3))
        (f32.convert_i32_s
          (i32.add
            (i32.add (i32x4.extract_lane 0 (local.get $sum3)) (i32x4.extract_lane 1 (local.get $sum3)))
            (i32.add (i32x4.extract_lane 2 (local.get $sum3)) (i32x4.extract_lane 3 (local.get $sum3))))))))
  ;; rows: `count` times `stride` bytes, of which the first `dimensions` (a multiple of 16) are values, then a 32-bit float scale.
  (func (export "dots") (param $query i32) (param $rows i32) (param $count i32) (param $dimensions i32) (param $stride i32) (param $out i32)
    (local $row1 i32) (local $row2 i32) (local $row3 i32)
    (block $fewer
      (loop $four
        (br_if $fewer (i32.lt_u (local.get $count) (i32.const 4)))
        (local.set $row1 (i32.add (local.get $rows) (local.get $stride)))
        (local.set $row2 (i32.add (local.get $row1) (local.get $stride)))
        (local.set $row3 (i32.add (local.get $row2) (local.get $stride)))
        (call $dot_four (local.get $query) (local.get $rows) (local.get $row1) (local.get $row2) (local.get $row3) (local.get $dimensions) (local.get $out))
        (local.set $rows (i32.add (local.get $row3) (local.get $stride)))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (local.set $count (i32.sub (local.get $count) (i32.const 4)))
        (br $four)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (f32.store (local.get $out) (call $dot (local.get $query) (local.get $rows) (local.get $dimensions)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (local.set $rows (i32.add (local.get $rows) (local.get $stride)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))
  ;; Of the rows whose 32-bit indexes stand in `list`.
  (func (export "dots_at") (param $query i32) (param $rows i32) (param $list i32) (param $count i32) (param $dimensions i32) (param $stride i32) (param $out i32)
    (block $fewer
      (loop $four
        (br_if $fewer (i32.lt_u (local.get $count) (i32.const 4)))
        (call $dot_four
          (local.get $query)
          (i32.add (local.get $rows) (i32.mul (i32.load (local.get $list)) (local.get $stride)))
          (i32.add (local.get $rows) (i32.mul (i32.load offset=4 (local.get $list)) (local.get $stride)))
          (i32.add (local.get $rows) (i32.mul (i32.load offset=8 (local.get $list)) (local.get $stride)))
          (i32.add (local.get $rows) (i32.mul (i32.load offset=12 (local.get $list)) (local.get $stride)))
          (local.get $dimensions)
          (local.get $out))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (local.set $list (i32.add (local.get $list) (i32.const 16)))
        (local.set $count (i32.sub (local.get $count) (i32.const 4)))
        (br $four)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (f32.store (local.get $out)
          (call $dot
            (local.get $query)
            (i32.add (local.get $rows) (i32.mul (i32.load (local.get $list)) (local.get $stride)))
            (local.get $dimensions)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (local.set $list (i32.add (local.get $list) (i32.const 4)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))))
