using Grid.Silo;

namespace Grid.Server.Configuration;

/// <summary>The admin page: section <c>Admin</c>.</summary>
internal sealed class AdminSettings
{
    public const string Section = "Admin";

    /// <summary>A shorter one could be guessed.</summary>
    public const int TokenLengthMin = 16;

    /// <summary>
    /// What whoever wants to act on the admin page must know (move a shard, drain a silo, accept a loss): a long random word, the same on all silos; at least
    /// 16 characters. Empty: the page only shows.
    /// </summary>
    [Setting(Secret = true)]
    public string Token { get; set; } = "";
}
