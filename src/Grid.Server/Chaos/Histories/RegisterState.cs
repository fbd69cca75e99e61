namespace Grid.Server.Chaos.Histories;

/// <summary>What a key is, as far as can be known from what clients were told.</summary>
/// <param name="Value">Number of the value; <see cref="Absent"/> for no entry.</param>
/// <param name="Version">Its version; 0 if nobody was told it yet: then it is above <paramref name="Newest"/>.</param>
/// <param name="Newest">The highest version that is known to have been given so far, also to entries that are gone.</param>
/// <param name="ExpiresFromMs">The earliest Unix millisecond at which it may expire; <see cref="Never"/> without expiry.</param>
/// <param name="ExpiresToMs">The latest one.</param>
internal readonly record struct RegisterState(int Value, ulong Version, ulong Newest, long ExpiresFromMs, long ExpiresToMs)
{
    /// <summary>The number of no value.</summary>
    public const int Absent = -1;

    /// <summary>The time of what does not come.</summary>
    public const long Never = long.MaxValue;

    /// <summary>A key that nobody has written yet.</summary>
    public static RegisterState Empty => new(Absent, 0, 0, Never, Never);

    /// <summary>True when there is an entry.</summary>
    public bool IsPresent => Value != Absent;

    /// <summary>The same key once its entry is gone.</summary>
    public RegisterState Gone => new(Absent, 0, Newest, Never, Never);

    /// <summary>The same with the entry's version known; false if it cannot be that one.</summary>
    public bool TryKnowVersion(ulong version, Values values, out RegisterState known)
    {
        known = this;
        if (Version != 0)
            return Version == version;
        if (version <= Newest || values.IsGiven(version))
            return false;
        known = this with { Version = version, Newest = version };
        return true;
    }
}
