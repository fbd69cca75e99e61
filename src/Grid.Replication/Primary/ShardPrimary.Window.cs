using Grid.Replication.Links;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <content>The sync window: who shares a snapshot, and in which codec it travels.</content>
public sealed partial class ShardPrimary
{
    private long _windowClosesAtMs = long.MaxValue;
    private ReplicaCapabilities _firstCapabilities;
    private long _windowEntries;
    private SyncPlace _place;
    private long _placeRequest;

    /// <summary>A snapshot keeps memory and time of the whole silo: it needs one of the silo's places.</summary>
    private enum SyncPlace
    {
        None,
        Requested,
        Held,
    }

    /// <summary>The silo has a place for a sync of this shard: whoever waits by now is in the cohort.</summary>
    /// <param name="request">
    /// The request that it was given to. Word of a place whose request was taken back meanwhile comes late, and means nothing: the place was given back.
    /// </param>
    /// <param name="now">The present.</param>
    public void OnSyncPermitted(long request, Instant now)
    {
        if (!Reigns() || _place != SyncPlace.Requested || (request != _placeRequest && !Plants(PlantedBug.TakesOldPermits)))
            return;
        _place = SyncPlace.Held;
        CloseWindowWhenDue(now);
        ReleasePlaceWhenIdle();
    }

    /// <summary>
    /// The first request opens the window, for a fixed time; a snapshot on disk that the replica can read takes it in at once.
    /// </summary>
    private void EnterWindow(PrimaryLink link, Instant now)
    {
        if (!_links.Any(other => other.Phase == LinkPhase.Waiting) || Plants(PlantedBug.ExtendsWindow))
        {
            _windowClosesAtMs = now.MonotonicMs + _options.SyncWindowMs;
            _firstCapabilities = link.Request.Capabilities;
        }

        link.Phase = LinkPhase.Waiting;
        link.EnteredWindow = _windowEntries++;
        if (CanJoin(link))
        {
            if (_place == SyncPlace.Held)
            {
                Join(link, now);
                return;
            }

            _windowClosesAtMs = now.MonotonicMs;
        }

        CloseWindowWhenDue(now);
    }

    private void CloseWindowWhenDue(Instant now)
    {
        GiveUpSnapshotThatKeepsTooMuch(now);
        if (_windowClosesAtMs == long.MaxValue || IsSnapshotBusy())
            return;
        List<PrimaryLink> waiting = [.. _links.Where(link => link.Phase == LinkPhase.Waiting).OrderBy(link => link.EnteredWindow)];
        bool full = _options.MaxCohort > 0 && waiting.Count >= _options.MaxCohort;
        if (waiting.Count == 0 && !Plants(PlantedBug.SnapshotsForNobody))
            CloseWindow(long.MaxValue);
        else if ((full || now.MonotonicMs >= _windowClosesAtMs) && HasPlace())
            ServeWindow(waiting, now);
    }

    private void CloseWindow(long nextClosesAtMs)
    {
        _windowClosesAtMs = nextClosesAtMs;
        ReleasePlaceWhenIdle();
    }

    private void ServeWindow(List<PrimaryLink> waiting, Instant now)
    {
        List<PrimaryLink> joining = [.. waiting.Where(CanJoin)];
        List<PrimaryLink> cohort = [.. waiting.Except(joining)];
        foreach (PrimaryLink link in joining)
            Join(link, now);
        if ((cohort.Count == 0 && !Plants(PlantedBug.SnapshotsForNobody)) || joining.Count > 0)
        {
            // Those who cannot read what is kept have waited their time: theirs is the next snapshot, once this one is sent.
            CloseWindow(cohort.Count == 0 ? long.MaxValue : now.MonotonicMs);
            return;
        }

        List<PrimaryLink> chosen = ChooseCohort(cohort);
        _windowClosesAtMs = chosen.Count < cohort.Count ? now.MonotonicMs : long.MaxValue;
        BeginSnapshot(chosen, [.. cohort.Except(chosen).Select(static link => link.Silo)], now);
    }

    /// <summary>
    /// Who of the window shares the next snapshot. With <see cref="MixedCohort.Split"/> only those that are like the one who
    /// came first; the others have waited their time already, theirs is the snapshot after it.
    /// </summary>
    private List<PrimaryLink> ChooseCohort(List<PrimaryLink> waiting)
    {
        IEnumerable<PrimaryLink> chosen = waiting;
        if (_options.Compress && _options.MixedCohort == MixedCohort.Split)
            chosen = chosen.Where(link => DecodesLz4(link) == DecodesLz4(waiting[0]));
        return [.. _options.MaxCohort > 0 && !Plants(PlantedBug.IgnoresMaxCohort) ? chosen.Take(_options.MaxCohort) : chosen];
    }

    private static bool DecodesLz4(PrimaryLink link) => link.Request.Capabilities.HasFlag(ReplicaCapabilities.Lz4);

    /// <summary>
    /// The codec of a snapshot is decided here, once, over exactly the members: compressed only if compression is on and every one of
    /// them can decode it.
    /// </summary>
    private (CodecReason Reason, string Why) DecideCodec(List<PrimaryLink> cohort)
    {
        if (!_options.Compress)
            return (CodecReason.CompressionOff, "plaintext: compression is off");
        string[] incapable = CannotDecode(cohort);
        if (Plants(PlantedBug.DecidesCodecEarly) && _firstCapabilities.HasFlag(ReplicaCapabilities.Lz4))
            incapable = [];
        return incapable.Length == 0
            ? (CodecReason.EveryMemberDecodes, "lz4: every member decodes it")
            : (CodecReason.MemberCannotDecode, $"plaintext: {string.Join(", ", incapable)} {(incapable.Length == 1 ? "does" : "do")} not decode lz4");
    }

    private static string[] CannotDecode(List<PrimaryLink> cohort) => [.. cohort.Where(static link => !DecodesLz4(link)).Select(static link => link.Silo)];

    private bool HasPlace()
    {
        if (_place == SyncPlace.None)
        {
            _place = SyncPlace.Requested;
            _output.RequestSync(++_placeRequest);
        }

        return _place == SyncPlace.Held || Plants(PlantedBug.NeedsNoPlace);
    }

    private void ReleasePlaceWhenIdle()
    {
        if (_place == SyncPlace.None || _windowClosesAtMs != long.MaxValue || IsSnapshotBusy())
            return;
        _place = SyncPlace.None;
        _output.ReleaseSync();
    }
}
