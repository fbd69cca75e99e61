namespace Grid.Replication.Primary;

/// <summary>
/// Whether a silo is in touch with most others: of each, when the newest question that it has answered was asked. The time of the asking counts, not that
/// of the answer, so that an answer that was long under way proves nothing about now.
/// </summary>
/// <remarks>Thread-safe. Bounded by the silos that were alive at the last <see cref="MajorityAtMs"/>, and those that answered since.</remarks>
public sealed class SiloContacts
{
    private readonly Dictionary<string, long> _answered = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Another silo has answered.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="askedAtMs">When it was asked, in milliseconds of a clock that never goes back.</param>
    public void OnAnswer(string silo, long askedAtMs)
    {
        lock (_gate)
        {
            if (!_answered.TryGetValue(silo, out long before) || before < askedAtMs)
                _answered[silo] = askedAtMs;
        }
    }

    /// <summary>
    /// The newest time since which more than half of the silos have answered, <paramref name="own"/> counted among them: exactly half is not enough,
    /// since the other half may take itself for the cluster.
    /// </summary>
    /// <param name="alive">The silos that are alive, this one included.</param>
    /// <param name="own">This silo.</param>
    /// <param name="nowMs">The present, by the same clock; the answer where no other silo is needed.</param>
    /// <returns>A time; far in the past when too few have ever answered.</returns>
    public long MajorityAtMs(IReadOnlyCollection<string> alive, string own, long nowMs)
    {
        ArgumentNullException.ThrowIfNull(alive);
        int others = alive.Count / 2;
        if (others == 0)
            return nowMs;
        Span<long> times = alive.Count <= 64 ? stackalloc long[alive.Count] : new long[alive.Count];
        times.Fill(long.MinValue / 2);
        int count = 0;
        lock (_gate)
        {
            foreach (string silo in alive)
            {
                if (silo != own && _answered.TryGetValue(silo, out long asked))
                    times[count++] = asked;
            }

            if (_answered.Count > 2 * alive.Count)
                Forget(alive);
        }

        times.Sort();
        return times[^others];
    }

    private void Forget(IReadOnlyCollection<string> alive)
    {
        foreach (string gone in _answered.Keys.Except(alive).ToArray())
            _answered.Remove(gone);
    }
}
