namespace Grid.Silo.Services;

/// <summary>Who is in the cluster, in the words of the replication layer.</summary>
internal sealed class SiloMembership(IClusterMembershipService membership, ILocalSiloDetails local)
{
    private View _view = new(default, [], [], []);

    /// <summary>This silo, as copies are named by it.</summary>
    public string Local { get; } = local.SiloAddress.ToParsableString();

    /// <summary>The cluster as this silo sees it now.</summary>
    public View Current
    {
        get
        {
            ClusterMembershipSnapshot snapshot = membership.CurrentSnapshot;
            View view = Volatile.Read(ref _view);
            if (view.Version == snapshot.Version && view.Members.Count > 0)
                return view;
            view = View.Of(snapshot);
            Volatile.Write(ref _view, view);
            return view;
        }
    }

    /// <summary>Waits for changes of the cluster.</summary>
    public IAsyncEnumerable<ClusterMembershipSnapshot> Updates => membership.MembershipUpdates;

    /// <summary>One state of the membership.</summary>
    /// <param name="Version">Its version.</param>
    /// <param name="Members">Everybody known, the dead included.</param>
    /// <param name="Alive">Silos that are not dead.</param>
    /// <param name="Active">Silos that take new work.</param>
    internal sealed record View(MembershipVersion Version, IReadOnlyList<ClusterMember> Members, IReadOnlyList<string> Alive, IReadOnlyList<string> Active)
    {
        public static View Of(ClusterMembershipSnapshot snapshot) => new(
            snapshot.Version,
            [.. snapshot.Members.Values.OrderBy(member => member.SiloAddress)],
            Names(snapshot, status => status is SiloStatus.Active or SiloStatus.ShuttingDown or SiloStatus.Stopping),
            Names(snapshot, status => status is SiloStatus.Active));

        private static string[] Names(ClusterMembershipSnapshot snapshot, Func<SiloStatus, bool> filter) =>
            [.. snapshot.Members.Values.Where(member => filter(member.Status)).Select(member => member.SiloAddress.ToParsableString()).Order(StringComparer.Ordinal)];
    }
}
