;; How many bits differ between one row of bits and many others, and which rows differ by the fewest.
;; https://webassembly.github.io/spec/core/ ; compiled by the build.
(module
  (memory (export "memory") 1)
  ;; The comparison is written out in both of the next functions: calling one for each row takes as long as comparing it.
  ;; Adds to the 32-bit numbers of rows for each count of bits that differ.
  ;; stride: bytes of a row, a multiple of 48, as a row of 384 bits has.
  (func (export "histogram") (param $query i32) (param $rows i32) (param $count i32) (param $stride i32) (param $histogram i32)
    (local $row i32) (local $q i32) (local $end i32) (local $sum i64) (local $at i32)
    (local.set $row (local.get $rows))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $end (i32.add (local.get $row) (local.get $stride)))
        (local.set $q (local.get $query))
        (local.set $sum (i64.const 0))
        (loop $part
          (local.set $sum (i64.add (local.get $sum)
            (i64.add
              (i64.add
                (i64.add
                  (i64.popcnt (i64.xor (i64.load (local.get $row)) (i64.load (local.get $q))))
                  (i64.popcnt (i64.xor (i64.load offset=8 (local.get $row)) (i64.load offset=8 (local.get $q)))))
                (i64.add
                  (i64.popcnt (i64.xor (i64.load offset=16 (local.get $row)) (i64.load offset=16 (local.get $q))))
                  (i64.popcnt (i64.xor (i64.load offset=24 (local.get $row)) (i64.load offset=24 (local.get $q))))))
              (i64.add
                (i64.popcnt (i64.xor (i64.load offset=32 (local.get $row)) (i64.load offset=32 (local.get $q))))
                (i64.popcnt (i64.xor (i64.load offset=40 (local.get $row)) (i64.load offset=40 (local.get $q))))))))
          (local.set $q (i32.add (local.get $q) (i32.const 48)))
          (local.set $row (i32.add (local.get $row) (i32.const 48)))
          (br_if $part (i32.lt_u (local.get $row) (local.get $end))))
        (local.set $at (i32.add (local.get $histogram) (i32.shl (i32.wrap_i64 (local.get $sum)) (i32.const 2))))
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))
  ;; Writes the index of each of `count` rows that differs in at most `most` bits to `list`, in order; tells how many these are.
  (func (export "within") (param $query i32) (param $rows i32) (param $count i32) (param $stride i32) (param $most i64) (param $list i32) (result i32)
    (local $row i32) (local $q i32) (local $end i32) (local $sum i64) (local $index i32) (local $found i32)
    (local.set $row (local.get $rows))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
        (local.set $end (i32.add (local.get $row) (local.get $stride)))
        (local.set $q (local.get $query))
        (local.set $sum (i64.const 0))
        (loop $part
          (local.set $sum (i64.add (local.get $sum)
            (i64.add
              (i64.add
                (i64.add
                  (i64.popcnt (i64.xor (i64.load (local.get $row)) (i64.load (local.get $q))))
                  (i64.popcnt (i64.xor (i64.load offset=8 (local.get $row)) (i64.load offset=8 (local.get $q)))))
                (i64.add
                  (i64.popcnt (i64.xor (i64.load offset=16 (local.get $row)) (i64.load offset=16 (local.get $q))))
                  (i64.popcnt (i64.xor (i64.load offset=24 (local.get $row)) (i64.load offset=24 (local.get $q))))))
              (i64.add
                (i64.popcnt (i64.xor (i64.load offset=32 (local.get $row)) (i64.load offset=32 (local.get $q))))
                (i64.popcnt (i64.xor (i64.load offset=40 (local.get $row)) (i64.load offset=40 (local.get $q))))))))
          (local.set $q (i32.add (local.get $q) (i32.const 48)))
          (local.set $row (i32.add (local.get $row) (i32.const 48)))
          (br_if $part (i32.lt_u (local.get $row) (local.get $end))))
        (i32.store (i32.add (local.get $list) (i32.shl (local.get $found) (i32.const 2))) (local.get $index))
        (local.set $found (i32.add (local.get $found) (i64.le_u (local.get $sum) (local.get $most))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))
    (local.get $found))
  ;; Of the rows whose 32-bit indexes stand in `list`, from a query of three rows of bits: the bits that differ from the first of them
  ;; count once, from the second twice, from the third four times. Rows of bits follow each other. out: a 16-bit sum for each row, which the histogram counts, too.
  (func (export "weighted_distances_at") (param $query i32) (param $rows i32) (param $list i32) (param $count i32) (param $stride i32) (param $out i32) (param $histogram i32)
    (local $row i32) (local $end i32) (local $second i32) (local $third i32) (local $q i32) (local $part i64) (local $sum i64) (local $at i32)
    (local.set $second (local.get $stride))
    (local.set $third (i32.shl (local.get $stride) (i32.const 1)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $row (i32.add (local.get $rows) (i32.mul (i32.load (local.get $list)) (local.get $stride))))
        (local.set $end (i32.add (local.get $row) (local.get $stride)))
        (local.set $q (local.get $query))
        (local.set $sum (i64.const 0))
        (loop $parts
          (local.set $part (i64.load (local.get $row)))
          (local.set $sum (i64.add (local.get $sum)
            (i64.add
              (i64.popcnt (i64.xor (local.get $part) (i64.load (local.get $q))))
              (i64.add
                (i64.shl (i64.popcnt (i64.xor (local.get $part) (i64.load (i32.add (local.get $q) (local.get $second))))) (i64.const 1))
                (i64.shl (i64.popcnt (i64.xor (local.get $part) (i64.load (i32.add (local.get $q) (local.get $third))))) (i64.const 2))))))
          (local.set $q (i32.add (local.get $q) (i32.const 8)))
          (local.set $row (i32.add (local.get $row) (i32.const 8)))
          (br_if $parts (i32.lt_u (local.get $row) (local.get $end))))
        (i64.store16 (local.get $out) (local.get $sum))
        (local.set $at (i32.add (local.get $histogram) (i32.shl (i32.wrap_i64 (local.get $sum)) (i32.const 2))))
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
        (local.set $out (i32.add (local.get $out) (i32.const 2)))
        (local.set $list (i32.add (local.get $list) (i32.const 4)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))
  ;; Keeps those of the `count` entries of `list` whose 16-bit values are at most `most`, in order; tells how many these are.
  (func (export "keep_within") (param $values i32) (param $count i32) (param $most i32) (param $list i32) (result i32)
    (local $index i32) (local $found i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
        (i32.store
          (i32.add (local.get $list) (i32.shl (local.get $found) (i32.const 2)))
          (i32.load (i32.add (local.get $list) (i32.shl (local.get $index) (i32.const 2)))))
        (local.set $found (i32.add (local.get $found)
          (i32.le_u (i32.load16_u (i32.add (local.get $values) (i32.shl (local.get $index) (i32.const 1)))) (local.get $most))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))
    (local.get $found)))
