namespace Grid.Server.Bench.Sync;

/// <summary>
/// The dice of the data sets: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled"), started by the
/// finaliser of splitmix64 from a seed and an index. So a record depends on nothing but its set and index.
/// </summary>
internal struct DataSetRandom
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state;

    public DataSetRandom(ulong seed, long index)
    {
        _state = Mix(seed + (((ulong)index + 1) * Golden));
        if (_state == 0)
            _state = Golden;
    }

    public ulong Next()
    {
        _state ^= _state >> 12;
        _state ^= _state << 25;
        _state ^= _state >> 27;
        return _state * 0x2545F4914F6CDD1D;
    }

    /// <summary>A number from 0 to before <paramref name="bound"/>.</summary>
    public int Below(int bound) => (int)((Next() >> 33) % (uint)bound);

    private static ulong Mix(ulong value)
    {
        value ^= value >> 30;
        value *= 0xBF58476D1CE4E5B9;
        value ^= value >> 27;
        value *= 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
