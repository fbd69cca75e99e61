using Grid.Formats.Mutations;
using Grid.Replication.Links;
using Grid.Replication.Records;
using Grid.Replication.Time;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <content>The sync window: who shares a snapshot, and in which codec it travels.</content>
public sealed partial class ShardPrimary
{
    private long _windowClosesAtMs = long.MaxValue;
    private ReplicaCapabilities _firstCapabilities;
    private long _windowEntries;
    private long _snapshotId;
    private ShardSnapshot? _scan;

    /// <summary>A member of the cohort has been sent the whole snapshot.</summary>
    public void OnSnapshotSent(string silo, long attach, Instant now)
    {
        if (Reigns() && _links.TryGetValue(silo, out PrimaryLink? link) && link.Attach == attach)
            link.HeardAtMs = now.MonotonicMs;
    }

    /// <summary>The snapshot is over, sent or cancelled; its scan is disposed.</summary>
    public void OnSnapshotEnded(long snapshotId, Instant now)
    {
        if (snapshotId != _snapshotId)
            return;
        _snapshotId = 0;
        _scan = null;
        if (Reigns())
            CloseWindowWhenDue(now);
    }

    /// <summary>The first request opens the window, for a fixed time.</summary>
    private void EnterWindow(PrimaryLink link, Instant now)
    {
        link.Phase = LinkPhase.Waiting;
        link.EnteredWindow = _windowEntries++;
        if (_windowClosesAtMs == long.MaxValue || Plants(PlantedBug.ExtendsWindow))
        {
            _windowClosesAtMs = now.MonotonicMs + _options.SyncWindowMs;
            _firstCapabilities = link.Request.Capabilities;
        }

        CloseWindowWhenDue(now);
    }

    private void CloseWindowWhenDue(Instant now)
    {
        GiveUpSnapshotThatKeepsTooMuch(now);
        if (_windowClosesAtMs == long.MaxValue || _snapshotId != 0)
            return;
        List<PrimaryLink> cohort = [.. _links.Values.Where(link => link.Phase == LinkPhase.Waiting).OrderBy(link => link.EnteredWindow)];
        bool full = _options.MaxCohort > 0 && cohort.Count >= _options.MaxCohort;
        if (!full && now.MonotonicMs < _windowClosesAtMs)
            return;
        _windowClosesAtMs = long.MaxValue;
        if (full && cohort.Count > _options.MaxCohort && !Plants(PlantedBug.IgnoresMaxCohort))
        {
            // Those too many have waited their time already: theirs is the next snapshot.
            cohort.RemoveRange(_options.MaxCohort, cohort.Count - _options.MaxCohort);
            _windowClosesAtMs = now.MonotonicMs;
        }

        if (cohort.Count > 0 || Plants(PlantedBug.SnapshotsForNobody))
            BeginSnapshot(cohort, now);
    }

    /// <summary>
    /// The codec is decided here, once, over exactly the members: compressed only if compression is on and every one of
    /// them can decode it.
    /// </summary>
    private void BeginSnapshot(List<PrimaryLink> cohort, Instant now)
    {
        PrimaryLink? incapable = cohort.Find(link => !link.Request.Capabilities.HasFlag(ReplicaCapabilities.Lz4));
        if (Plants(PlantedBug.DecidesCodecEarly) && _firstCapabilities.HasFlag(ReplicaCapabilities.Lz4))
            incapable = null;
        bool compressed = _options.Compress && incapable is null;
        string why = compressed ? "lz4: every member decodes it" : _options.Compress ? $"plaintext: {incapable!.Silo} does not decode lz4" : "plaintext: compression is off";
        LogPosition at = _copy.Position;
        _snapshotId = _entropy.NextId();
        _scan = _copy.Store.BeginSnapshot(EntryVersion.Pack(at.Epoch, at.Offset));
        List<SnapshotMember> members = [];
        foreach (PrimaryLink link in cohort)
        {
            link.Phase = LinkPhase.Syncing;
            link.Copy = new CopyName(link.Silo, link.Request.NextCopyId);
            link.SnapshotId = _snapshotId;
            link.NextOffset = at.Offset + 1;
            link.HeardAtMs = now.MonotonicMs;
            members.Add(new SnapshotMember(link.Silo, link.Attach, link.Request.Capabilities.HasFlag(ReplicaCapabilities.DualChannel)));
        }

        _output.Report(PrimaryEvent.WindowClosed, string.Join(", ", members.Select(member => member.Silo)), $"{why}; base {at}");
        SyncAnnouncement announcement = new(_snapshotId, at.Offset, compressed, _record.Lineage, Plants(PlantedBug.ForgetsHistory) ? [] : [.. _copy.History.Starts]);
        _output.BeginSnapshot(new SnapshotPlan(announcement, at.Epoch, _scan, members));
        foreach (PrimaryLink link in cohort)
            Send(link, announcement.ToItem(link.Attach, link.Sequence++, _epoch, _committed), now);
    }

    /// <summary>The replicas are not left waiting for a snapshot that will never end: they attach again, after their backoff.</summary>
    private void GiveUpSnapshotThatKeepsTooMuch(Instant now)
    {
        if (_scan is null || _scan.KeptBytes <= _options.SnapshotKeptBytesMax || Plants(PlantedBug.NeverGivesUpSnapshot))
            return;
        _output.Report(PrimaryEvent.SnapshotGivenUp, _copy.Name.Silo, $"it keeps {_scan.KeptBytes} bytes of entries written meanwhile, more than {_options.SnapshotKeptBytesMax}");
        _scan = null;
        foreach (PrimaryLink link in _links.Values.Where(link => link.Phase == LinkPhase.Syncing && link.SnapshotId == _snapshotId).ToArray())
            EndLink(link, "its snapshot was given up", now);
    }
}
